/* api.js - the one way to the server: JSON over HTTPS, the session in a cookie that scripts cannot read. */

/** The server's own words for why not. */
export class Refusal extends Error {
	/** @param {number} status @param {{error?: {class?: string, text?: string, hint?: string}}} body */
	constructor(status, body) {
		super(body.error?.text ?? `The server answered ${status} without saying why.`);
		this.status = status;
		this.class = body.error?.class ?? "broken";
		this.hint = body.error?.hint ?? "";
		this.body = body;
	}
}

const AWAY = { error: { class: "temp", text: "The console does not answer.", hint: "Try again; is winpop console running?" } };
const GARBLED = { error: { class: "broken", text: "The answer is not that of a winpop console." } };

/** What windows of one session share: when it was last kept alive. */
const ASKED = "winpop asked";

/**
 * @typedef {object} How
 * @property {string} [password]
 * @property {boolean} [quiet] nobody asked for it: it keeps no session alive
 * @property {AbortSignal} [signal]
 */

export class Api {
	#csrf = "";

	/** When somebody last did something, here or in another window of the same session: the server counts from there. */
	get lastAsked() {
		return Number(localStorage.getItem(ASKED));
	}

	#asks() {
		localStorage.setItem(ASKED, String(Date.now()));
	}

	/** Called when the session is over, with what to tell. @type {(why: string) => void} */
	onEnded = () => {};

	async #send(method, path, body, { quiet, signal } = {}) {
		const headers = { Accept: "application/json" };
		if (body !== undefined) headers["Content-Type"] = "application/json";
		if (this.#csrf) headers["X-Winpop-CSRF"] = this.#csrf;
		if (quiet) headers["X-Winpop-Idle"] = "1";
		else this.#asks();
		const init = { method, headers, signal, credentials: "same-origin", cache: "no-store" };
		if (body !== undefined) init.body = JSON.stringify(body);
		const answer = await fetch(`/api/v1${path}`, init).catch((error) => {
			throw error.name === "AbortError" ? error : new Refusal(0, AWAY);
		});
		const said = await answer.json().catch((error) => {
			throw error.name === "AbortError" ? error : new Refusal(answer.status, GARBLED);
		});
		if (answer.ok) return said;
		if (answer.status === 401 && this.#csrf) {
			this.#csrf = "";
			this.onEnded("The session has ended. Sign in again.");
		}
		throw new Refusal(answer.status, said);
	}

	#entered(session) {
		this.#csrf = session.csrf;
		return session;
	}

	/** The session of this browser; null if there is none. */
	async session() {
		try {
			return this.#entered(await this.#send("GET", "/session"));
		} catch (error) {
			if (error.status === 401) return null;
			throw error;
		}
	}

	async signIn(name, password) {
		return this.#entered(await this.#send("POST", "/sign-in", { name, password }));
	}

	async signOut() {
		await this.#send("POST", "/sign-out", {});
		this.#csrf = "";
	}

	commands() {
		return this.#send("GET", "/commands");
	}

	/** @param {string} name @param {string[]} args @param {Record<string, string | true>} switches @param {How} how */
	run(name, args = [], switches = {}, how = {}) {
		const body = { arguments: args, switches };
		if (how.password !== undefined) body.password = how.password;
		return this.#send("POST", `/commands/${encodeURIComponent(name)}`, body, how);
	}

	/** Begins a long command. @returns {Promise<string>} the job's id */
	async start(name, args, switches) {
		const path = `/commands/${encodeURIComponent(name)}?job=1`;
		return (await this.#send("POST", path, { arguments: args, switches })).job;
	}

	async jobs() {
		return (await this.#send("GET", "/jobs")).jobs;
	}

	job(id, how) {
		return this.#send("GET", `/jobs/${encodeURIComponent(id)}`, undefined, how);
	}

	endJob(id) {
		return this.#send("POST", `/jobs/${encodeURIComponent(id)}/end`, {});
	}
}
