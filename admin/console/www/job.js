/* job.js - a long command: begun, watched with a bar, ended early if wanted. It goes on when the page is left, and is found again. */
import { button, el } from "./dom.js";
import { number, time } from "./format.js";
import { problem } from "./notice.js";

const LOOK_MS = 1000;

const pause = (signal) => new Promise((resolve) => {
	const timer = setTimeout(resolve, LOOK_MS);
	signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
});

function progressText({ done, of, failed, planning }) {
	if (done === undefined) return "working";
	return `${planning ? "planning: " : ""}${number(done)} of ${number(of)}${failed ? `, ${number(failed)} failed` : ""}`;
}

/** A bar, its words and a button. @param {import("./app.js").App} app */
function bar(app, id, title) {
	const filled = el("progress", { "aria-label": title });
	const words = el("span", { role: "status" }, "working");
	const end = button("Stop", () => app.attempt(() => app.api.endJob(id)));
	const show = (progress = {}) => {
		if (progress.of) {
			filled.max = progress.of;
			filled.value = progress.done;
		}
		words.textContent = progressText(progress);
	};
	const away = () => { words.textContent = "the console does not answer; asking again"; };
	return { node: el("div", { class: "job" }, filled, words, end), show, away };
}

/**
 * The buttons that begin a job, and the place where it is watched and its end is told: one at a time.
 * @typedef {object} Of
 * @property {HTMLButtonElement[]} buttons
 * @property {AbortSignal} signal of the view
 * @property {(title: string, result: object) => Promise<(Node | false)[]>} report how it ended
 */
export class Job {
	/** @param {import("./app.js").App} app @param {Of} of */
	constructor(app, { buttons, signal, report }) {
		this.app = app;
		this.buttons = buttons;
		this.signal = signal;
		this.report = report;
		this.place = el("div", { class: "report" });
	}

	/** @param {string} title @param {string} command @param {string[]} args @param {Record<string, string | true>} switches */
	begin(title, command, args, switches) {
		return this.#watched(title, () => this.app.api.start(command, args, switches));
	}

	/** The newest that is like this: it is under way, whoever began it, or it ended while nobody looked. */
	async resume(title, isLike) {
		const job = (await this.app.api.jobs()).find(isLike);
		if (!job) return;
		const about = el("p", { class: "hint" }, "Begun ", time(job.began), ` by ${job.who}.`);
		if (job.state === "running") this.#watched(title, async () => job.job, about);
		else await this.#tell(title, await this.app.api.job(job.job, { signal: this.signal }), about);
	}

	async #watched(title, begin, about) {
		const pressed = this.buttons.find((one) => one === document.activeElement);
		for (const one of this.buttons) one.disabled = true;
		try {
			const ended = await this.#follow(title, await begin());
			if (ended) await this.#tell(title, ended, about);
		} catch (error) {
			if (error.name !== "AbortError") this.place.replaceChildren(problem(error));
		}
		for (const one of this.buttons) one.disabled = false;
		if (document.activeElement === document.body) pressed?.focus();
	}

	/** How it ended; null: nobody looks any more. A console that is away for a moment ends no job. */
	async #follow(title, id) {
		const { node, show, away } = bar(this.app, id, title);
		this.place.replaceChildren(node);
		while (!this.signal.aborted) {
			const job = await this.app.api.job(id, { quiet: true, signal: this.signal }).catch((error) => {
				if (error.status !== 0) throw error;
				away();
			});
			if (job && job.state !== "running") return job;
			if (job) show(job.progress);
			await pause(this.signal);
		}
		return null;
	}

	async #tell(title, { result = {} }, about) {
		this.place.replaceChildren(el("section", {}, el("h2", {}, title), about, await this.report(title, result)));
		this.place.scrollIntoView({ block: "nearest" });
	}
}
