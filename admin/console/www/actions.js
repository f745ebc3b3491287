/* actions.js - what can be done with the computer, a domain, a mailbox: one list each for menus and toolbars. */
import { COMPUTER, checkPlace, domainOf, domainPlace, href, mailboxPlace } from "./place.js";
import { count, size } from "./format.js";
import { askFor } from "./dialog.js";
import { newDomain, newMailbox } from "./create.js";
import { changePassword, chooseQuotaAccount, setExpiry, setQuota } from "./change.js";

/** @typedef {import("./app.js").App} App */
/** @typedef {import("./menu.js").Item} Item */

const go = (place) => { location.hash = href(place); };

/** Leaves out what this person may not do. @param {App} app @param {(Item & {needs?: string})[]} items @returns {Item[]} */
function allowed(app, items) {
	return items.filter((item) => !item.needs || app.can(item.needs));
}

/** @param {App} app */
export function refreshItem(app) {
	return { label: "Refresh", apart: true, run: () => app.refresh() };
}

function lockItem(app, name, locked) {
	const command = locked ? "unlock" : "lock";
	return { label: locked ? "Unlock" : "Lock", needs: command,
		run: () => app.act({ text: `${name} is ${locked ? "unlocked" : "locked"}.`, command, args: [name] }) };
}

function holdItem(app, name, held) {
	const command = held ? "unhold" : "hold";
	return { label: held ? "Let mail in" : "Hold mail back", needs: command,
		run: () => app.act({ text: held ? `New mail for ${name} is let in.` : `New mail for ${name} waits.`, command, args: [name] }) };
}

function checkItem(name) {
	return { label: "Check", needs: "check", run: () => go(checkPlace(name)) };
}

/** @param {App} app */
export function kickItem(app, name) {
	return { label: "End sessions", needs: "kick", run: () => askFor(app, {
		title: "End sessions", action: "End sessions", danger: true,
		text: [`Ends open sessions of ${name}. What a mail program was fetching, it fetches again; messages that it marked as deleted stay.`],
		run: () => app.perform({ text: `Sessions of ${name} were ended.`, command: "kick", args: [name] }),
	}) };
}

/** @param {App} app @returns {Item[]} */
export function computerItems(app) {
	if (!app.session.whole) return [refreshItem(app)];
	return allowed(app, [
		{ label: "New", needs: "add", items: [{ label: "Domain", run: () => newDomain(app) }] },
		{ label: "Read settings again", needs: "reload",
			run: () => app.act({ text: "The service has read its settings again.", command: "reload", args: [] }) },
		refreshItem(app),
		{ label: "Properties", needs: "get", run: () => go({ kind: "properties" }) },
	]);
}

function deleteDomain(app, row) {
	askFor(app, {
		title: `Delete ${row.domain}`, action: "Delete domain", danger: true,
		text: [`Deletes the domain ${row.domain}, its ${count(row.mailboxes, "mailbox", "mailboxes")}, and all mail stored in them. `
			+ "This cannot be undone."],
		fields: [{ name: "typed", label: "Type the name of the domain", required: true },
			{ name: "now", label: "End open sessions first", type: "checkbox" }],
		run: async ({ typed, now }) => {
			if (typed.trim().toLowerCase() !== row.domain) throw app.refusal(`This is not ${row.domain}.`, "Nothing was deleted.");
			await app.perform({ text: `The domain ${row.domain} is deleted.`, command: "delete", args: [row.domain],
				switches: now ? { y: true, now: true } : { y: true }, then: COMPUTER });
		},
	});
}

/** @param {App} app @param {{domain: string, state: string, delivery: string, mailboxes: number, expire: string}} row @returns {Item[]} */
export function domainItems(app, row) {
	return allowed(app, [
		{ label: "New", needs: "add", items: [{ label: "Mailbox", run: () => newMailbox(app, row.domain) }] },
		{ ...lockItem(app, row.domain, row.state === "locked"), apart: true },
		holdItem(app, row.domain, row.delivery === "held"),
		kickItem(app, row.domain),
		{ label: "Expiry", needs: "setexpire", run: () => setExpiry(app, row) },
		checkItem(row.domain),
		app.session.whole && { label: "Delete", needs: "delete", danger: true, apart: true, run: () => deleteDomain(app, row) },
		refreshItem(app),
		{ label: "Properties", run: () => go(domainPlace(row.domain, "properties")) },
	].filter(Boolean));
}

function deleteMailbox(app, row) {
	const deleteUser = { name: "deleteuser", label: "Delete the associated user account too", type: "checkbox" };
	const fields = [{ name: "now", label: "End open sessions first", type: "checkbox" }];
	const withAccount = app.session.authentication === "file";
	askFor(app, {
		title: `Delete ${row.mailbox}`, action: "Delete mailbox", danger: true,
		text: [`Deletes the mailbox ${row.mailbox}${withAccount ? ", its account," : ""} and `
			+ `${count(row.messages, "message", "messages")} in it (${size(row.disk_use)}). This cannot be undone.`],
		fields: withAccount ? fields : [deleteUser, ...fields],
		run: ({ deleteuser, now }) => app.perform({
			text: `The mailbox ${row.mailbox} is deleted.`, command: "delete", args: [row.mailbox],
			switches: { ...(deleteuser && { deleteuser: true }), ...(now && { now: true }) },
			then: domainPlace(domainOf(row.mailbox)),
		}),
	});
}

/**
 * @param {App} app
 * @param {{mailbox: string, state: string, delivery: string, messages: number, disk_use: number}} row
 * @returns {Item[]}
 */
export function mailboxItems(app, row) {
	return allowed(app, [
		lockItem(app, row.mailbox, row.state === "locked"),
		holdItem(app, row.mailbox, row.delivery === "held"),
		kickItem(app, row.mailbox),
		{ label: "Change password", needs: "changepwd", apart: true, run: () => changePassword(app, row.mailbox) },
		{ label: "Quota", needs: "setquota", run: () => setQuota(app, row.quota_account) },
		{ label: "Quota account", needs: "createquotafile", run: () => chooseQuotaAccount(app, row) },
		checkItem(row.mailbox),
		{ label: "Delete", needs: "delete", danger: true, apart: true, run: () => deleteMailbox(app, row) },
		refreshItem(app),
		{ label: "Properties", run: () => go(mailboxPlace(row.mailbox)) },
	]);
}
