/* view_sessions.js - who is signed in, of the server or of one domain. */
import { kickItem, refreshItem } from "./actions.js";
import { el, hiddenText } from "./dom.js";
import { duration, number, size } from "./format.js";
import { pageSwitches, pagedTable } from "./paged.js";
import { address } from "./parts.js";

/** @typedef {import("./app.js").App} App */

const COLUMNS = [
	{ title: "Mailbox", cell: (row) => (row.mailbox === "-" ? "not signed in" : address(row.mailbox)) },
	{ title: "From", cell: (row) => row.peer },
	{ title: "Sign-in", minor: true, cell: (row) => row.mechanism },
	{ title: "TLS", minor: true, cell: (row) => row.tls },
	{ title: "Open for", number: true, cell: (row) => duration(row.seconds) },
	{ title: "Silent for", number: true, minor: true, cell: (row) => duration(row.idle) },
	{ title: "Fetched", number: true, cell: (row) => el("span", {}, number(row.retrieved), hiddenText(" messages")) },
	{ title: "Sent", number: true, minor: true, cell: (row) => size(row.octets) },
];

/** @param {App} app @param {string} [domain] */
export function sessionsTable(app, domain) {
	return pagedTable({
		caption: domain ? `Sessions of ${domain}` : "Sessions", columns: COLUMNS, empty: "Nobody is signed in.",
		key: (row) => row.sid, name: (row) => `${row.mailbox} from ${row.peer}`,
		items: (row) => (row.mailbox !== "-" && app.can("kick") ? [kickItem(app, row.mailbox)] : []),
		load: async (query) => {
			const { sessions, more } = await app.ask("who", domain ? [domain] : [], pageSwitches(query));
			return { rows: sessions, next: more ?? null };
		},
	}, app.state);
}

/** @type {typeof import("./views.js").VIEWS.sessions} */
export async function sessionsView(app) {
	return { title: "Sessions", items: [refreshItem(app)], nodes: [await sessionsTable(app)] };
}
