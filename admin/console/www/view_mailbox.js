/* view_mailbox.js - a mailbox: its properties, its quota, its sessions, its messages by size and date. Never what they say. */
import { Refusal } from "./api.js";
import { mailboxItems } from "./actions.js";
import { el } from "./dom.js";
import { duration, number, size, time } from "./format.js";
import { pageSwitches, pagedTable } from "./paged.js";
import { bar, properties, section, state } from "./parts.js";
import { domainOf, domainPlace, href } from "./place.js";
import { mailboxRows } from "./view_domain.js";

/** @typedef {import("./app.js").App} App */

const FROM = {
	directory: "kept in the directory", table: "kept in the mail root", settings: "as the settings say", admin: "an administrator's",
};

const MESSAGE_COLUMNS = [
	{ title: "Number", cell: (row) => number(row.number) },
	{ title: "Date", cell: (row) => time(row.date) },
	{ title: "Size", number: true, cell: (row) => size(row.size) },
	{ title: "Fetched", cell: (row) => (row.fetched === "-" ? "not noted" : row.fetched) },
];

/** @param {App} app */
async function mailboxRow(app, name) {
	const { rows } = await mailboxRows(app, domainOf(name), { from: name, limit: "1" });
	if (rows[0]?.mailbox === name) return rows[0];
	throw new Refusal(404, { error: { class: "absent", text: `There is no mailbox ${name}.`, hint: "It may have been deleted." } });
}

function limitText({ limit, limit_messages: messages, limit_from: from }) {
	if (limit === "-" && messages === "-") return "none";
	const limits = [limit !== "-" && size(limit), messages !== "-" && `${number(messages)} messages`].filter(Boolean).join(", ");
	return FROM[from] ? `${limits} (${FROM[from]})` : limits;
}

function quotaPart(row, quota) {
	return section("Quota", properties([
		["Counts against", row.quota_account],
		["Used", `${size(quota.used)}, ${number(quota.used_messages)} messages`],
		["Limit", limitText(quota)],
		["In use", bar(quota.percent)],
	]));
}

function session(open) {
	return el("li", {}, `${open.peer}, ${open.mechanism}, for ${duration(open.seconds)}`);
}

function sessionPart(open) {
	return section("Sessions", open.length > 0 ? el("ul", { class: "plain" }, open.map(session)) : el("p", { class: "empty" }, "Nobody is signed in."));
}

/** @param {App} app */
async function messagePart(app, name) {
	return section("Messages", await pagedTable({
		caption: `Messages of ${name}`, columns: MESSAGE_COLUMNS, empty: "There is no message.",
		key: (row) => String(row.number),
		load: async (query) => {
			const { messages, total, more } = await app.ask("messages", [name], pageSwitches(query));
			return { rows: messages, next: more === undefined ? null : String(more), total, before: Number(query.from ?? 1) - 1 };
		},
	}, app.state));
}

/** A part that cannot be had, because the service is down for example, takes no other with it. @param {App} app */
async function attempted(app, part) {
	let made = null;
	await app.attempt(async () => { made = await part(); });
	return made;
}

/** @type {typeof import("./views.js").VIEWS.mailbox} */
export async function mailboxView(app, { name }) {
	const row = await mailboxRow(app, name);
	const domain = domainOf(name);
	const parts = await Promise.all([
		attempted(app, async () => quotaPart(row, await app.ask("setquota", [row.quota_account]))),
		attempted(app, async () => sessionPart((await app.ask("who", [name])).sessions)),
		attempted(app, () => messagePart(app, name)),
	]);
	return {
		title: name,
		items: mailboxItems(app, row).filter((item) => item.label !== "Properties"),
		nodes: [
			el("p", { class: "up" }, el("a", { href: href(domainPlace(domain)) }, `All mailboxes of ${domain}`)),
			section("Mailbox", properties([
				["State", state(row)], ["Account", row.logon], ["Messages", number(row.messages)], ["Size", size(row.disk_use)],
			])),
			...parts,
		],
	};
}
