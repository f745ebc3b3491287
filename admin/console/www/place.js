/* place.js - where one is: the part of the address after '#', so that Back, bookmarks and new windows work. */

/** @typedef {{kind: string, name?: string, tab?: string}} Place */

/** What belongs to the server as a whole, in the order of the tree. */
export const SERVER_PLACES = ["statistics", "sessions", "quotas", "history", "migration", "check"];
const KINDS = ["computer", "properties", ...SERVER_PLACES, "domain", "mailbox"];

/** @param {Place} place */
export function href(place) {
	return "#/" + [place.kind, place.name, place.tab].filter(Boolean).map(encodeURIComponent).join("/");
}

function decoded(part) {
	try {
		return decodeURIComponent(part);
	} catch {
		return part;
	}
}

/** @param {string} hash @returns {Place} */
export function parse(hash) {
	const [kind, name, tab] = hash.replace(/^#\/?/, "").split("/").map(decoded);
	if (!KINDS.includes(kind) || (["domain", "mailbox"].includes(kind) && !name)) return { kind: "computer" };
	return { kind, name, tab };
}

export const COMPUTER = { kind: "computer" };

export const domainPlace = (name, tab) => ({ kind: "domain", name, tab });

/** @param {string} name of a domain or a mailbox */
export const checkPlace = (name) => ({ kind: "check", name });

export const mailboxPlace = (name, tab) => ({ kind: "mailbox", name, tab });

/** The domain of an address; of a domain, itself. */
export function domainOf(address) {
	return address.slice(address.lastIndexOf("@") + 1);
}
