/* words.js - what the settings of the original say about themselves. */

export const METHODS = {
	ad: {
		title: "Active Directory-Integrated",
		text: "This server is a domain controller or a member server, or uses an OpenLDAP directory. Accounts and passwords are those of the directory.",
	},
	local: {
		title: "Local accounts",
		text: "This server is not a member of a directory, and user accounts are to be stored on it. Names are unique over all domains, 20 characters at most.",
	},
	file: {
		title: "Encrypted password file",
		text: "This server is not using a directory, or there are to be no user accounts for mail on this computer. No Secure Password Authentication; APOP is possible.",
	},
};

export const LOGGING = [
	"No logging", "Only critical events are logged", "Critical and warning events are logged",
	"Critical, warning, and informational events are logged", "All of that, and traces",
];

export const LABELS = {
	authentication: "Authentication method",
	port: "Server port",
	logging: "Logging level",
	mailroot: "Root mail directory",
	create_user: "Always create an associated user for new mailboxes",
	sparequired: "Require Secure Password Authentication (SPA) for all client connections",
};
