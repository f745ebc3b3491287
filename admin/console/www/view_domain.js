/* view_domain.js - a domain: its mailboxes, its sessions, its properties. */
import { Refusal } from "./api.js";
import { domainItems, mailboxItems } from "./actions.js";
import { button, el } from "./dom.js";
import { number, size } from "./format.js";
import { icon } from "./icons.js";
import { pageSwitches, pagedTable } from "./paged.js";
import { address, bar, properties, state, tabs } from "./parts.js";
import { domainPlace, href, mailboxPlace } from "./place.js";
import { historyTable } from "./view_history.js";
import { sessionsTable } from "./view_sessions.js";

/** @typedef {import("./app.js").App} App */

const localPart = (address) => address.slice(0, address.lastIndexOf("@"));

const COLUMNS = [
	{ title: "Name", cell: (row) => el("span", {}, icon("mailbox"), localPart(row.mailbox)) },
	{ title: "State", cell: state },
	{ title: "Size", number: true, cell: (row) => size(row.disk_use) },
	{ title: "Messages", number: true, minor: true, cell: (row) => number(row.messages) },
	{ title: "Quota", minor: true, cell: (row) => bar(row.percent) },
	{ title: "Account", minor: true, cell: (row) => address(row.logon) },
];

/** The row of `list` about one domain. @param {App} app */
async function domainRow(app, name) {
	const { domains } = await app.ask("list", [], { from: name, limit: "1" });
	if (domains[0]?.domain === name) return domains[0];
	throw new Refusal(404, { error: { class: "absent", text: `There is no domain ${name}.`, hint: "It may have been deleted." } });
}

/** What `stat` and `list` say of the same mailboxes, joined. @param {App} app */
export async function mailboxRows(app, domain, switches) {
	const [counted, listed] = await Promise.all([app.ask("stat", [domain], switches), app.ask("list", [domain], switches)]);
	const byName = new Map(listed.mailboxes.map((row) => [row.mailbox, row]));
	const rows = counted.per_mailbox.map((row) => {
		const { logon = "-", delivery, held_by: heldBy } = byName.get(row.mailbox) ?? {};
		return { ...row, logon, delivery, held_by: heldBy };
	});
	return { rows, next: counted.more ?? null, total: counted.total, before: counted.before };
}

/** @param {App} app */
function mailboxesTab(app, domain) {
	return pagedTable({
		caption: `Mailboxes of ${domain}`, columns: COLUMNS, search: "Search mailboxes",
		empty: "There is no mailbox yet: New, then Mailbox.",
		key: (row) => row.mailbox, link: (row) => href(mailboxPlace(row.mailbox)), items: (row) => mailboxItems(app, row),
		load: (query) => mailboxRows(app, domain, pageSwitches(query)),
	}, app.state);
}

/** Counting reads every mailbox: only when somebody wants to know. @param {App} app */
function counter(app, domain) {
	const place = el("span", { role: "status" });
	const count = () => app.attempt(async () => {
		place.replaceChildren("counting");
		const { messages, disk_use: octets } = await app.ask("stat", [domain]);
		place.replaceChildren(`${number(messages)} messages, ${size(octets)}`);
	});
	return el("span", {}, place, " ", button("Count", count));
}

/** @param {App} app */
function propertiesTab(app, domain, row) {
	return properties([
		["State", state(row)],
		["Mailboxes", number(row.mailboxes)],
		["Mail stored", counter(app, domain)],
		["New mail", row.delivery === "held" ? "held back: it waits in the mail server's queue" : "let in"],
		["Fetched mail expires", /^\d+$/.test(row.expire) ? `after ${row.expire} days` : row.expire],
	]);
}

/** @type {[string, string, (app: App, domain: string, row: object) => Node | Promise<Node>][]} */
const TABS = [
	["mailboxes", "Mailboxes", mailboxesTab], ["sessions", "Sessions", sessionsTable], ["history", "History", historyTable],
	["properties", "Properties", propertiesTab],
];

/** @type {typeof import("./views.js").VIEWS.domain} */
export async function domainView(app, { name, tab }) {
	const row = await domainRow(app, name);
	const [here, , make] = TABS.find(([key]) => key === tab) ?? TABS[0];
	const list = TABS.map(([key, title], index) =>
		({ title, place: domainPlace(name, index === 0 ? undefined : key), here: key === here }));
	return { title: name, items: domainItems(app, row), nodes: [tabs(name, list), await make(app, name, row)] };
}
