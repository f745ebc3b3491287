/* download.js - an answer as a file, made here: nothing is asked again. */
import { el } from "./dom.js";

/** RFC 4180. A cell that a spreadsheet would take for a formula gets an apostrophe. */
function csvCell(value) {
	const text = String(value ?? "");
	const safe = /^[=+\-@\t\r]/.test(text) && typeof value !== "number" ? `'${text}` : text;
	return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** @param {Record<string, unknown>[]} rows */
export function csv(rows) {
	const keys = [...new Set(rows.flatMap(Object.keys))];
	return [keys, ...rows.map((row) => keys.map((key) => row[key]))].map((line) => line.map(csvCell).join(",") + "\r\n").join("");
}

/** @param {string} name @param {string} type @param {string} text */
export function download(name, type, text) {
	const url = URL.createObjectURL(new Blob([text], { type }));
	el("a", { href: url, download: name }).click();
	setTimeout(() => URL.revokeObjectURL(url), 0);
}
