/* notice.js - what the server said: done, done in part, or why not. */
import { button, el } from "./dom.js";
import { Refusal } from "./api.js";

/** Lists of records that came with an error: which mailboxes stand in the way, for example. */
function details(body) {
	const lists = Object.entries(body).filter(([, value]) => Array.isArray(value) && typeof value[0] === "object");
	return lists.map(([key, rows]) => el("details", {},
		el("summary", {}, `${key.replaceAll("_", " ")}: ${rows.length}`),
		el("ul", {}, rows.map((row) => el("li", {}, Object.values(row).join(" · "))))));
}

/** Sentences and notes of an answer. */
export function sentences(body) {
	return [...(body.text ?? []), ...(body.notes ?? [])];
}

/** A fault of this page is told too, and is in the browser's console with where it was. */
function fault(error) {
	reportError(error);
	return el("div", { class: "notice bad" },
		el("p", {}, `This page has a fault: ${error.message}`),
		el("p", { class: "hint" }, "Load it again. What was asked for may have been done; the history tells."));
}

/** @param {Error} error */
export function problem(error) {
	if (!(error instanceof Refusal)) return fault(error);
	return el("div", { class: "notice bad" },
		el("p", {}, error.message),
		[error.hint, ...sentences(error.body)].filter(Boolean).map((words) => el("p", { class: "hint" }, words)),
		details(error.body));
}

/** The place in the frame where results are told, to eyes and to screen readers. */
export class Notices {
	constructor() {
		this.good = el("div", { role: "status" });
		this.bad = el("div", { role: "alert" });
		this.node = el("div", { class: "notices" }, this.good, this.bad);
	}

	clear() {
		this.good.replaceChildren();
		this.bad.replaceChildren();
	}

	#show(where, notice) {
		this.clear();
		where.append(el("div", { class: "dismissible" }, notice, button("Dismiss", () => this.clear(), { class: "quiet" })));
	}

	/** @param {string} text @param {string} command the same on the command line @param {string[]} notes */
	done(text, command, notes) {
		this.#show(this.good, el("div", { class: "notice good" },
			el("p", {}, text), notes.map((note) => el("p", { class: "hint" }, note)),
			command && el("p", { class: "hint" }, "On the command line: ", el("code", {}, command))));
	}

	/** @param {Error} error */
	failed(error) {
		this.#show(this.bad, problem(error));
	}
}
