/* paged.js - a table of which one page is here at a time, with a search as one types.
 *
 * A page begins where the server said, in the answer before, that there is more: at a name, not at a number, so what is added or
 * deleted meanwhile moves nothing. The way back is remembered.
 */
import { button, el } from "./dom.js";
import { focusedKey, restoreFocus } from "./focus.js";
import { labelled } from "./dialog.js";
import { count, number } from "./format.js";
import { Newest } from "./newest.js";
import { makeTable } from "./table.js";
import { problem } from "./notice.js";

const PAGE = 100;
const TYPING_MS = 250;

/**
 * @typedef {object} Page
 * @property {any[]} rows
 * @property {string | null} next where the next page begins; null: this is the last
 * @property {number} [total] rows of all pages
 * @property {number} [before] rows of the pages before this one
 */

/**
 * @typedef {object} Source
 * @property {string} caption
 * @property {import("./table.js").Column[]} columns
 * @property {(row: any) => string} key
 * @property {(row: any) => string} [name]
 * @property {(row: any) => string} [link]
 * @property {(row: any) => import("./menu.js").Item[]} [items]
 * @property {string} [search] label of the search; without it there is none
 * @property {string} empty what is said when there is nothing
 * @property {(q: {from: string | null, match: string, order: object | undefined}) => Promise<Page>} load
 * @property {boolean} [sorts] `load` heeds `order`
 */

/** Where the table was left: kept while signed in. @typedef {{match: string, starts: (string | null)[], order?: object}} State */

class Paged {
	/** @param {Source} source @param {State} state */
	constructor(source, state) {
		this.source = source;
		this.state = Object.assign(state, { match: "", starts: [null], ...state });
		this.question = new Newest((isOld) => this.#ask(isOld));
		this.place = el("div", { class: "table-place" });
		this.told = el("p", { role: "status", class: "page-told" });
		this.back = button("Previous", () => this.turn(-1), { "data-key": "previous" });
		this.forth = button("Next", () => this.turn(1), { "data-key": "next" });
		this.node = el("div", { class: "paged" }, source.search && this.#searchBox(), this.place,
			el("div", { class: "pager" }, this.back, this.told, this.forth));
	}

	#searchBox() {
		const field = labelled({ name: "match", label: this.source.search, value: this.state.match });
		const input = field.querySelector("input");
		let timer = 0;
		input.type = "search";
		input.dataset.key = "search";
		input.addEventListener("input", () => {
			clearTimeout(timer);
			timer = setTimeout(() => this.node.isConnected && this.seek(input.value.trim()), TYPING_MS);
		});
		field.classList.add("search");
		return field;
	}

	seek(match) {
		if (match === this.state.match) return;
		Object.assign(this.state, { match, starts: [null] });
		this.reload();
	}

	sort(by) {
		const { order } = this.state;
		const down = order?.by === by ? !order.down : Boolean(this.source.columns[by].largestFirst);
		Object.assign(this.state, { order: { by, down }, starts: [null] });
		this.reload();
	}

	/** Not before the page that is left has come: it says where the next one begins. */
	turn(by) {
		if (this.isBusy) return;
		const { starts } = this.state;
		if (by > 0) starts.push(this.page.next);
		else starts.pop();
		this.reload();
	}

	get isBusy() {
		return this.place.hasAttribute("aria-busy");
	}

	/** Throws what the server refused. */
	async load() {
		this.place.setAttribute("aria-busy", "true");
		try {
			await this.question.run();
		} finally {
			this.place.removeAttribute("aria-busy");
		}
	}

	async reload() {
		const key = focusedKey();
		try {
			await this.load();
		} catch (error) {
			this.#fail(error);
		}
		this.#keepFocus(key);
	}

	/** At either end, the button that led there can hold it no longer. @param {string | undefined} key */
	#keepFocus(key) {
		if (key === "next" && this.forth.disabled) this.back.focus();
		else if (key === "previous" && this.back.disabled) this.forth.focus();
		else restoreFocus(key);
	}

	async #ask(isOld) {
		const { starts, match, order } = this.state;
		const page = await this.source.load({ from: starts.at(-1), match, order });
		if (isOld()) return;
		if (page.rows.length > 0 || starts.length === 1) {
			this.#show(page);
			return;
		}
		/* What was on the last page has been deleted. */
		starts.pop();
		await this.#ask(isOld);
	}

	/** Refresh asks for the same once more. */
	#fail(error) {
		if (error.name === "AbortError") return;
		this.place.replaceChildren(problem(error));
		this.told.replaceChildren();
		this.back.disabled = this.forth.disabled = true;
	}

	#show(page) {
		const { source, state } = this;
		this.page = page;
		this.place.replaceChildren(page.rows.length > 0
			? makeTable({ ...source, rows: page.rows, order: state.order, onOrder: source.sorts && ((by) => this.sort(by)) })
			: el("p", { class: "empty" }, state.match ? `Nothing matches "${state.match}".` : source.empty));
		this.back.disabled = state.starts.length === 1;
		this.forth.disabled = page.next === null;
		this.told.replaceChildren(range(page));
		this.node.classList.toggle("one-page", this.back.disabled && this.forth.disabled);
	}
}

/** "101 to 200 of 4,321" */
function range({ rows, total, before = 0 }) {
	if (rows.length === 0) return "";
	const shown = `${number(before + 1)} to ${number(before + rows.length)}`;
	return total === undefined ? count(rows.length, "row", "rows") : `${shown} of ${number(total)}`;
}

/** @param {Source} source @param {State} state @returns {Promise<HTMLElement>} */
export async function pagedTable(source, state) {
	const paged = new Paged(source, state);
	await paged.load();
	return paged.node;
}

/** The switches that ask for a page. */
export function pageSwitches({ from, match }) {
	return { limit: String(PAGE), ...(from !== null && { from }), ...(match && { match }) };
}

function ordered(rows, columns, { by, down }) {
	const value = columns[by].sort;
	const sign = down ? -1 : 1;
	return rows.toSorted((a, b) => (value(a) < value(b) ? -sign : Number(value(a) > value(b)) * sign));
}

/** `load` for a list that came as a whole: searched, sorted and cut into pages here. */
export function fromList(rows, { columns, text }) {
	return async ({ from, match, order }) => {
		const wanted = match.toLowerCase();
		const matching = rows.filter((row) => text(row).toLowerCase().includes(wanted));
		const found = order ? ordered(matching, columns, order) : matching;
		const before = Math.min(Number(from ?? 0), found.length);
		const end = before + PAGE;
		return { rows: found.slice(before, end), next: end < found.length ? String(end) : null, total: found.length, before };
	};
}
