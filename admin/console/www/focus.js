/* focus.js - the focus survives that what it was on is made anew: elements that stand for the same have the same data-key. */

/** The key of what has the focus; undefined if it has none. */
export function focusedKey() {
	return document.activeElement?.dataset.key;
}

/** Only where the focus was lost. @param {string | undefined} key */
export function restoreFocus(key) {
	if (document.activeElement && document.activeElement !== document.body) return;
	const same = key !== undefined && document.querySelector(`[data-key="${CSS.escape(key)}"]:not([disabled])`);
	(same || document.querySelector("h1"))?.focus();
}
