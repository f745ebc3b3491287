/* job.js - a long command: begun, watched with a bar, ended early if wanted. It goes on when the page is left. */
import { button, el } from "./dom.js";
import { number } from "./format.js";

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
function watcher(app, id, title) {
	const bar = el("progress", { "aria-label": title });
	const words = el("span", { role: "status" }, "working");
	const end = button("Stop", () => app.attempt(() => app.api.endJob(id)));
	const show = (progress = {}) => {
		if (progress.of) {
			bar.max = progress.of;
			bar.value = progress.done;
		}
		words.textContent = progressText(progress);
	};
	return { node: el("div", { class: "job" }, bar, words, end), show };
}

/**
 * Shows the job in `place` until it is over.
 * @param {import("./app.js").App} app
 * @param {string} id
 * @param {{title: string, place: HTMLElement, signal: AbortSignal}} how
 * @returns {Promise<object | null>} how it ended; null: nobody looks any more
 */
export async function follow(app, id, { title, place, signal }) {
	const { node, show } = watcher(app, id, title);
	place.replaceChildren(node);
	while (!signal.aborted) {
		const job = await app.api.job(id, { quiet: true, signal });
		if (job.state !== "running") return job;
		show(job.progress);
		await pause(signal);
	}
	return null;
}
