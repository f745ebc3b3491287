/* table.js - tables whose rows are visited by arrow keys and have a menu. */
import { button, el, hiddenText } from "./dom.js";
import { giveMenu, menuButton } from "./menu.js";

/**
 * @typedef {object} Column
 * @property {string} title
 * @property {(row: any) => Node | string} cell
 * @property {(row: any) => string | number} [sort] what it is sorted by; without it, it cannot be
 * @property {boolean} [largestFirst] when it is sorted by first
 * @property {boolean} [number] to the right
 * @property {boolean} [minor] left out where there is little room
 */

/**
 * @typedef {object} TableOf
 * @property {string} caption
 * @property {Column[]} columns the first one names the row
 * @property {any[]} rows
 * @property {(row: any) => string} key
 * @property {(row: any) => string} [name] what its menu is called by; without it, the key
 * @property {(row: any) => string} [link] where the row leads
 * @property {(row: any) => import("./menu.js").Item[]} [items]
 * @property {{by: number, down: boolean}} [order]
 * @property {(by: number) => void} [onOrder]
 */

function head(table, row, first) {
	const text = table.columns[0].cell(row);
	if (!table.link) return el("span", { class: "row-name" }, text);
	return el("a", { href: table.link(row), "data-key": table.key(row), tabindex: first ? "0" : "-1", class: "row-name" }, text);
}

function cellClass(column) {
	return [column.number && "number", column.minor && "minor"].filter(Boolean).join(" ") || null;
}

function bodyRow(table, row, index) {
	const [, ...others] = table.columns;
	const tr = el("tr", {},
		el("th", { scope: "row" }, head(table, row, index === 0)),
		others.map((column) => el("td", { class: cellClass(column) }, column.cell(row))));
	if (!table.items) return tr;
	if (table.items(row).length === 0) {
		tr.append(el("td", { class: "row-menu" }));
		return tr;
	}
	const name = (table.name ?? table.key)(row);
	const more = menuButton(() => table.items(row), name, `more ${table.key(row)}`);
	more.tabIndex = index === 0 ? 0 : -1;
	tr.append(el("td", { class: "row-menu" }, more));
	return giveMenu(tr, () => table.items(row), name);
}

function sortMark(table, index) {
	if (table.order?.by !== index) return "none";
	return table.order.down ? "descending" : "ascending";
}

function headCell(table, column, index) {
	const sortable = column.sort && table.onOrder;
	return el("th", { scope: "col", class: cellClass(column), "aria-sort": sortable ? sortMark(table, index) : null },
		sortable ? button(column.title, () => table.onOrder(index), { "data-key": `sort ${column.title}` }) : column.title);
}

/** What of a row, or of all, the focus can be on: its link, its menu. */
const STOPS = "a.row-name, .more";

/** One row at a time is a stop for Tab. */
function stopAt(event) {
	const row = event.target.closest("tr");
	for (const stop of event.currentTarget.querySelectorAll(STOPS)) stop.tabIndex = row.contains(stop) ? 0 : -1;
}

function onKey(event) {
	const rows = [...event.currentTarget.rows];
	const at = rows.indexOf(event.target.closest("tr"));
	const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
	const stop = rows[to]?.querySelector(STOPS);
	if (!stop) return;
	event.preventDefault();
	stop.focus();
}

/** @param {TableOf} table @returns {HTMLTableElement} */
export function makeTable(table) {
	const body = el("tbody", { on: { keydown: onKey, focusin: stopAt } }, table.rows.map((row, index) => bodyRow(table, row, index)));
	return el("table", {},
		el("caption", { class: "hidden-text" }, table.caption),
		el("thead", {}, el("tr", {},
			table.columns.map((column, index) => headCell(table, column, index)),
			table.items && el("th", { scope: "col", class: "row-menu" }, hiddenText("Actions")))),
		body);
}
