/* view_computer.js - the computer: its domains. */
import { computerItems, domainItems } from "./actions.js";
import { icon } from "./icons.js";
import { number } from "./format.js";
import { pageSwitches, pagedTable } from "./paged.js";
import { domainPlace, href } from "./place.js";
import { state } from "./parts.js";
import { el } from "./dom.js";

const COLUMNS = [
	{ title: "Domain", cell: (row) => el("span", {}, icon("domain"), row.domain) },
	{ title: "State", cell: state },
	{ title: "Mailboxes", number: true, cell: (row) => number(row.mailboxes) },
	{ title: "Expiry", minor: true, cell: (row) => (/^\d+$/.test(row.expire) ? `${row.expire} days` : row.expire) },
];

/** @type {typeof import("./views.js").VIEWS.computer} */
export async function computerView(app) {
	const source = {
		caption: `Domains of ${app.session.computer}`, columns: COLUMNS, search: "Search domains",
		empty: "There is no domain yet: New, then Domain.",
		key: (row) => row.domain, link: (row) => href(domainPlace(row.domain)), items: (row) => domainItems(app, row),
		load: async (query) => {
			const { domains, more, total, before } = await app.ask("list", [], pageSwitches(query));
			return { rows: domains, next: more ?? null, total, before };
		},
	};
	return { title: app.session.computer, items: computerItems(app), nodes: [await pagedTable(source, app.state)] };
}
