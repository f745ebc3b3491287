/* parts.js - what several views show alike: states, bars, lists of properties, tabs. */
import { el, hiddenText, svg } from "./dom.js";
import { icon } from "./icons.js";
import { href } from "./place.js";

/** A word with its picture. @param {"locked" | "held"} kind */
function mark(kind, text) {
	return el("span", { class: `mark ${kind}` }, icon(kind), text);
}

/** Lock and hold of a domain or a mailbox. */
export function state(row) {
	const by = row.locked_by === "domain" ? "locked (domain)" : row.state;
	return el("span", { class: "state" },
		row.state === "locked" ? mark("locked", by) : row.state,
		row.delivery === "held" && mark("held", "mail held back"));
}

const FULL = 100;
const NEAR = 90;

function fullness(percent) {
	if (percent >= FULL) return "full";
	return percent >= NEAR ? "near" : "free";
}

/** How much of a limit is used; the picture says nothing that the number does not. @param {number | string} percent */
export function bar(percent) {
	if (typeof percent !== "number") return percent === "-" ? "no limit" : String(percent);
	const width = Math.min(percent, FULL);
	return el("span", { class: `bar ${fullness(percent)}` },
		svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
			svg("rect", { class: "room", width: FULL, height: 10 }), svg("rect", { class: "used", width, height: 10 })),
		`${percent} %`, percent >= FULL && hiddenText("full"));
}

/** It may be broken after the "@", and nowhere else while there is room. */
export function address(text) {
	const [local, ...rest] = text.split(/(?<=@)/);
	return el("span", {}, local, rest.map((part) => [el("wbr"), part]).flat());
}

/** @param {[string, Node | string][]} pairs */
export function properties(pairs) {
	return el("dl", { class: "properties" }, pairs.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

/** @param {string} label @param {{title: string, place: import("./place.js").Place, here: boolean}[]} list */
export function tabs(label, list) {
	return el("nav", { class: "tabs", "aria-label": label }, list.map(({ title, place, here }) =>
		el("a", { href: href(place), "aria-current": here ? "page" : null, "data-key": `tab ${title}` }, title)));
}

export function section(title, ...nodes) {
	return el("section", {}, el("h2", {}, title), nodes);
}
