/* format.js - numbers, sizes and times as people read them. */
import { el } from "./dom.js";

const whole = new Intl.NumberFormat();
const tenths = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const dates = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const UNITS = ["B", "KB", "MB", "GB", "TB", "PB"];

/** What commands say where there is no number: "-" for none, "?" for what could not be read. */
const isNumber = (value) => typeof value === "number";

export function number(value) {
	return isNumber(value) ? whole.format(value) : String(value ?? "-");
}

/** Octets; 1 KB is 1024 of them, as in a limit that ends with K. */
export function size(value) {
	if (!isNumber(value)) return String(value ?? "-");
	const power = value < 1024 ? 0 : Math.min(Math.floor(Math.log2(value) / 10), UNITS.length - 1);
	return `${tenths.format(value / 1024 ** power)} ${UNITS[power]}`;
}

export function rate(value) {
	return `${tenths.format(value)}/s`;
}

export function count(n, one, many) {
	return `${number(n)} ${n === 1 ? one : many}`;
}

/** @param {string | number} value RFC 3339, or seconds since 1970 */
export function time(value) {
	const when = new Date(isNumber(value) ? value * 1000 : value);
	if (Number.isNaN(when.getTime())) return String(value ?? "-");
	return el("time", { datetime: when.toISOString() }, dates.format(when));
}

export function duration(seconds) {
	const s = Math.max(0, Math.round(seconds));
	if (s < 60) return `${s} s`;
	if (s < 3600) return `${Math.floor(s / 60)} min`;
	if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
	return `${count(Math.floor(s / 86400), "day", "days")} ${Math.floor((s % 86400) / 3600)} h`;
}
