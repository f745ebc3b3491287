/* view_history.js - what administrators did, newest first. */
import { refreshItem } from "./actions.js";
import { time } from "./format.js";
import { pageSwitches, pagedTable } from "./paged.js";
import { address } from "./parts.js";

const COLUMNS = [
	{ title: "Time", cell: (row) => time(row.time) },
	{ title: "Who", cell: (row) => address(row.who) },
	{ title: "From", minor: true, cell: (row) => row.from },
	{ title: "Command", cell: (row) => row.command },
	{ title: "Of what", cell: (row) => address(row.target) },
	{ title: "Result", cell: (row) => (row.text ? `${row.result}: ${row.text}` : row.result) },
];

/** @param {import("./app.js").App} app @param {string} [domain] */
export function historyTable(app, domain) {
	return pagedTable({
		caption: domain ? `Actions of administrators about ${domain}` : "Actions of administrators", columns: COLUMNS,
		empty: "Nothing was changed yet.", key: (row) => `${row.time} ${row.command} ${row.target}`,
		load: async (query) => {
			const { from, ...switches } = pageSwitches(query);
			const { actions, more } = await app.ask("history", domain ? [domain] : [], { ...switches, ...(from && { before: from }) });
			return { rows: actions, next: more ?? null };
		},
	}, app.state);
}

/** @type {typeof import("./views.js").VIEWS.history} */
export async function historyView(app) {
	return { title: "History", items: [refreshItem(app)], nodes: [await historyTable(app)] };
}
