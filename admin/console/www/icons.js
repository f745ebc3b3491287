/* icons.js - the small pictures; each stands beside a word, so none has a name of its own. */
import { svg } from "./dom.js";

const PATHS = {
	root: "M2 4h12v9H2zm0 0 6 5 6-5",
	computer: "M2 3h12v8H2zM8 11v2M5 13.5h6",
	domain: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM2 8h12M8 2c-4 4-4 8 0 12M8 2c4 4 4 8 0 12",
	mailbox: "M2 5h12v7H2zm0 0 6 4.5L14 5",
	locked: "M4 7h8v6H4zm1.5 0V5a2.5 2.5 0 0 1 5 0v2",
	held: "M5 3v10M11 3v10",
	statistics: "M2 13h12M3 11l3-4 3 2 4-6",
	sessions: "M6 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM2 13c0-4 8-4 8 0M11 7.5a2 2 0 0 0 0-4M11.5 9.5c2 .3 2.5 2 2.5 3.5",
	quotas: "M2 5h12v6H2zM3.5 6.5h6v3h-6z",
	history: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 5v3.5l2.5 1.5",
	migration: "M2 8h11M9.5 4.5 13 8l-3.5 3.5",
	check: "M3 8.5 6.5 12 13 4.5",
	more: "M3 8h.01M8 8h.01M13 8h.01",
	closed: "M6 4l4 4-4 4",
	open: "M4 6l4 4 4-4",
};

/** @param {keyof typeof PATHS} name */
export function icon(name) {
	return svg("svg", { class: `icon icon-${name}`, viewBox: "0 0 16 16", "aria-hidden": "true" },
		svg("path", { d: PATHS[name] }));
}
