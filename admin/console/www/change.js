/* change.js - the windows that change a mailbox or a domain: password, quota, quota account, expiry. */
import { askFor } from "./dialog.js";
import { passwordFields, samePassword } from "./create.js";

/** @typedef {import("./app.js").App} App */

/** @param {App} app */
export function changePassword(app, mailbox) {
	askFor(app, {
		title: `Change the password of ${mailbox}`, action: "Change password", fields: passwordFields(),
		text: ["Open sessions go on. Mail programs must be told the new password."],
		run: (typed) => app.perform({ text: `The password of ${mailbox} is changed.`, command: "changepwd", args: [mailbox],
			password: samePassword(app, typed) }),
	});
}

/** An empty field leaves a limit as it is. @param {App} app */
export function setQuota(app, account) {
	askFor(app, {
		title: `Quota of ${account}`, action: "Set quota",
		text: ["What the mailboxes that count against this account may hold together. A limit holds from the next message on; nothing is deleted for it."],
		fields: [
			{ name: "amount", label: "Size", help: "Octets, or with K, M, G or T, as 500M; none; default. Empty: stays as it is." },
			{ name: "messages", label: "Messages", help: "A number, or none. Empty: stays as it is." },
		],
		run: async ({ amount, messages }) => {
			const args = amount.trim() ? [account, amount.trim()] : [account];
			const switches = messages.trim() ? { messages: messages.trim() } : {};
			if (args.length === 1 && !messages.trim()) throw app.refusal("Nothing was filled in.", "");
			await app.perform({ text: `The quota of ${account} is set.`, command: "setquota", args, switches });
		},
	});
}

/** @param {App} app */
export function chooseQuotaAccount(app, row) {
	askFor(app, {
		title: `Quota account of ${row.mailbox}`, action: "Create quota file",
		text: ["Mailboxes that count against one account share its limit. It is used for quotas only, not for signing in."],
		fields: [{ name: "user", label: "Account", value: row.quota_account === row.mailbox ? "" : row.quota_account,
			help: "An account of this domain, another's full address, or a user of the computer. Empty: the mailbox's own." }],
		run: ({ user }) => app.perform({ text: `The quota file of ${row.mailbox} is created.`, command: "createquotafile",
			args: [row.mailbox], switches: user.trim() ? { user: user.trim() } : {} }),
	});
}

/** @param {App} app */
export function setExpiry(app, row) {
	askFor(app, {
		title: `Expiry of fetched mail of ${row.domain}`, action: "Set expiry",
		text: ["A message goes once its user retrieved it whole and it is older than this. What nobody has retrieved stays."],
		fields: [{ name: "days", label: "Days", value: row.expire, required: true,
			help: "A number of days, never, or default: as the server's setting says." }],
		run: ({ days }) => app.perform({ text: `The expiry of ${row.domain} is set.`, command: "setexpire", args: [row.domain, days.trim()] }),
	});
}
