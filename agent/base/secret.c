/* SPDX-License-Identifier: Apache-2.0 */
/* secret.c - which keys name secrets, and which values have the shape of secrets. */

#include "agent/base/secret.h"

#include "agent/base/own.h"

#define KEY_MAX	    128
#define ROUNDS	    4
#define TOKEN_LEAST 20
#define HEX_LEAST   32
#define UUID_LEN    36

enum means {
	SECRET, /* a secret wherever it stands in a key */
	ALONE,	/* a secret if it is the whole key */
	KEY,  /* a secret at the end of a key and before `id`, unless a NO_KEY word is before it */
	CODE, /* a secret alone, and at the end behind a SIGN_IN word */
	PREFIX,	   /* begins a word that is a secret */
	ENDING,	   /* ends a word, or all words joined, that is a secret */
	DESCRIBES, /* at the end: the key is about a secret, and its value is none */
	NO_KEY,	   /* before a KEY word: that one is an index, not a secret */
	SIGN_IN,   /* before a CODE word: that one is a secret */
};

struct word {
	const char *text;
	uint8_t len;
	uint16_t means; /* one bit of enum means */
};

#define WORD(text, means)                             \
	{                                             \
		text, sizeof(text) - 1, 1u << (means) \
	}

/* What a whole word means. */
static const struct word words[] = {
	WORD("token", SECRET),
	WORD("jwt", SECRET),
	WORD("auth", SECRET),
	WORD("authorization", SECRET),
	WORD("bearer", SECRET),
	WORD("secret", SECRET),
	WORD("secrets", SECRET),
	WORD("pass", SECRET),
	WORD("pwd", SECRET),
	WORD("pw", SECRET),
	WORD("passcode", SECRET),
	WORD("cred", SECRET),
	WORD("creds", SECRET),
	WORD("sig", SECRET),
	WORD("hmac", SECRET),
	WORD("session", SECRET),
	WORD("sess", SECRET),
	WORD("sid", SECRET),
	WORD("otp", SECRET),
	WORD("totp", SECRET),
	WORD("verifier", SECRET),
	WORD("assertion", SECRET),
	WORD("cookie", SECRET),
	WORD("cookies", SECRET),
	WORD("csrf", SECRET),
	WORD("xsrf", SECRET),
	WORD("nonce", SECRET),
	WORD("userpass", SECRET),
	WORD("sas", SECRET),
	WORD("ssn", SECRET),
	WORD("passin", SECRET),
	WORD("passout", SECRET),
	WORD("storepass", SECRET),
	WORD("keypass", SECRET),
	WORD("clave", SECRET),
	WORD("senha", SECRET),

	WORD("state", ALONE),
	WORD("pin", ALONE),
	WORD("ticket", ALONE),
	WORD("hash", ALONE),

	WORD("key", KEY),
	WORD("code", CODE),

	WORD("type", DESCRIBES),
	WORD("count", DESCRIBES),
	WORD("limit", DESCRIBES),
	WORD("length", DESCRIBES),
	WORD("size", DESCRIBES),
	WORD("method", DESCRIBES),
	WORD("algorithm", DESCRIBES),
	WORD("alg", DESCRIBES),
	WORD("version", DESCRIBES),
	WORD("expires", DESCRIBES),
	WORD("expiry", DESCRIBES),
	WORD("in", DESCRIBES),
	WORD("url", DESCRIBES),
	WORD("uri", DESCRIBES),
	WORD("enabled", DESCRIBES),
	WORD("file", DESCRIBES),
	WORD("path", DESCRIBES),
	WORD("name", DESCRIBES),

	WORD("sort", NO_KEY),
	WORD("primary", NO_KEY),
	WORD("foreign", NO_KEY),
	WORD("partition", NO_KEY),
	WORD("order", NO_KEY),
	WORD("group", NO_KEY),
	WORD("row", NO_KEY),
	WORD("range", NO_KEY),
	WORD("cache", NO_KEY),
	WORD("public", NO_KEY),
	WORD("object", NO_KEY),
	WORD("routing", NO_KEY),
	WORD("translation", NO_KEY),
	WORD("issue", NO_KEY),
	WORD("project", NO_KEY),

	WORD("auth", SIGN_IN),
	WORD("authorization", SIGN_IN),
	WORD("oauth", SIGN_IN),
	WORD("otp", SIGN_IN),
	WORD("verification", SIGN_IN),
	WORD("verify", SIGN_IN),
	WORD("reset", SIGN_IN),
	WORD("invite", SIGN_IN),
	WORD("invitation", SIGN_IN),
	WORD("confirm", SIGN_IN),
	WORD("confirmation", SIGN_IN),
	WORD("security", SIGN_IN),
	WORD("access", SIGN_IN),
	WORD("pass", SIGN_IN),
	WORD("sms", SIGN_IN),
	WORD("mfa", SIGN_IN),
	WORD("device", SIGN_IN),
	WORD("user", SIGN_IN),
	WORD("backup", SIGN_IN),
	WORD("recovery", SIGN_IN),
	WORD("activation", SIGN_IN),
	WORD("login", SIGN_IN),
	WORD("grant", SIGN_IN),
};

/* What the beginning or end of a word means; the shortest has four letters. */
static const struct word parts[] = {
	WORD("saml", PREFIX),	    WORD("aspsession", PREFIX),

	WORD("token", ENDING),	    WORD("password", ENDING),	 WORD("passwords", ENDING),
	WORD("passwd", ENDING),	    WORD("passphrase", ENDING),	 WORD("secret", ENDING),
	WORD("credential", ENDING), WORD("credentials", ENDING), WORD("signature", ENDING),
	WORD("apikey", ENDING),	    WORD("accesskey", ENDING),	 WORD("privatekey", ENDING),
	WORD("secretkey", ENDING),  WORD("authkey", ENDING),	 WORD("sessionid", ENDING),
	WORD("sessid", ENDING),

	WORD("passwort", ENDING),   WORD("kennwort", ENDING),	 WORD("motdepasse", ENDING),
	WORD("contrasena", ENDING), WORD("contrasenya", ENDING), WORD("wachtwoord", ENDING),
	WORD("passord", ENDING),    WORD("losenord", ENDING),	 WORD("salasana", ENDING),
	WORD("haslo", ENDING),	    WORD("heslo", ENDING),	 WORD("geslo", ENDING),
	WORD("parola", ENDING),	    WORD("sifre", ENDING),	 WORD("jelszo", ENDING),
	WORD("lozinka", ENDING),    WORD("geheimnis", ENDING),	 WORD("jeton", ENDING),
};

/* Prefixes by which services mark their tokens. */
static const char *const prefixes[] = {
	"ghp_",	    "gho_",	"ghu_", "ghs_",	 "ghr_",  "github_pat_", "glpat-",  "sk_live_",
	"sk_test_", "rk_live_", "sk-",	"xoxb-", "xoxp-", "xoxa-",	 "xoxs-",   "xapp-",
	"AKIA",	    "ASIA",	"AIza", "npm_",	 "pypi-", "hvs.",	 "dop_v1_",
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
	return (c >= 'a' && c <= 'z') || (unsigned char)c >= 0x80;
}

static bool in_word(char c)
{
	return is_digit(c) || is_upper(c) || is_lower(c);
}

/* Decodes once, in place; false: nothing was encoded. */
static bool decode_once(char *text, size_t *len)
{
	size_t n = 0;

	for (size_t i = 0; i < *len; i++, n++) {
		text[n] = text[i];
		if (text[i] == '%' && i + 2 < *len && otr_hex_digit(text[i + 1]) >= 0 &&
		    otr_hex_digit(text[i + 2]) >= 0) {
			text[n] = (char)(otr_hex_digit(text[i + 1]) << 4 |
					 otr_hex_digit(text[i + 2]));
			i += 2;
		}
	}
	if (n == *len)
		return false;
	*len = n;
	return true;
}

struct otr_slice otr_secret_decode(char *out, size_t size, struct otr_slice text)
{
	size_t len = text.len;

	if (len > size)
		return OTR_SLICE_NONE;
	if (len)
		memcpy(out, text.data, len);
	for (int i = 0; i < ROUNDS && decode_once(out, &len); i++)
		;
	return (struct otr_slice){out, len};
}

/* Returns all that the tables say of `word`, one bit of enum means each. */
static unsigned int meaning_of(struct otr_slice word)
{
	char first = word.len ? otr_lower(word.data[0]) : 0;
	unsigned int all = 0;

	for (size_t i = 0; word.len && i < OTR_ARRAY_SIZE(words); i++)
		if (words[i].len == word.len && words[i].text[0] == first &&
		    otr_slice_eq_nocase(word, (struct otr_slice){words[i].text, word.len}))
			all |= words[i].means;
	return all;
}

static bool has_meaning(unsigned int means, enum means what)
{
	return means >> what & 1;
}

static bool begins_or_ends(struct otr_slice word)
{
	struct otr_slice text, part;
	size_t at;
	char last;

	if (word.len < 4)
		return false;
	last = otr_lower(word.data[word.len - 1]);
	for (size_t i = 0; i < OTR_ARRAY_SIZE(parts); i++) {
		text = (struct otr_slice){parts[i].text, parts[i].len};
		if (text.len > word.len)
			continue;
		at = has_meaning(parts[i].means, ENDING) ? word.len - text.len : 0;
		if (has_meaning(parts[i].means, ENDING) && text.data[text.len - 1] != last)
			continue;
		part = otr_slice_sub(word, at, text.len);
		if (otr_slice_eq_nocase(part, text))
			return true;
	}
	return false;
}

/* Takes the next word off `key`: "AWSAccessKeyId" is AWS, Access, Key, Id. */
static struct otr_slice next_word(struct otr_slice *key)
{
	const char *s = key->data;
	size_t i = 0, from, end;

	while (i < key->len && !in_word(s[i]))
		i++;
	for (from = i; i < key->len && in_word(s[i]); i++)
		if (i > from && is_upper(s[i]) &&
		    (!is_upper(s[i - 1]) || (i + 1 < key->len && is_lower(s[i + 1]))))
			break;
	for (end = i; end > from + 1 && is_digit(s[end - 1]);)
		end--; /* password1 is the word password */
	*key = otr_slice_sub(*key, i, key->len);
	return (struct otr_slice){s + from, end - from};
}

/* Writes the letters and digits of `key` alone: APIkey, pass-word. */
static struct otr_slice join_letters(char *out, struct otr_slice key)
{
	size_t n = 0;

	for (size_t i = 0; i < key.len; i++)
		if (in_word(key.data[i]))
			out[n++] = key.data[i];
	while (n > 1 && is_digit(out[n - 1]))
		n--;
	return (struct otr_slice){out, n};
}

/* One word of a key, and what the tables say of it. */
struct key_word {
	struct otr_slice text;
	unsigned int means;
};

static struct key_word take_key_word(struct otr_slice *key)
{
	struct otr_slice text = next_word(key);

	return (struct key_word){text, meaning_of(text)};
}

/* Is `word` a secret, given the words before and behind it? */
static bool is_secret(const struct key_word *before, const struct key_word *word,
		      const struct key_word *behind)
{
	bool last = !behind->text.len;

	if (has_meaning(word->means, SECRET) || begins_or_ends(word->text))
		return true;
	if (has_meaning(word->means, ALONE))
		return last && !before->text.len;
	if (has_meaning(word->means, KEY))
		return (last || otr_slice_eq_nocase(behind->text, OTR_SLICE("id"))) &&
		       !has_meaning(before->means, NO_KEY);
	return has_meaning(word->means, CODE) && last &&
	       (!before->text.len || has_meaning(before->means, SIGN_IN));
}

static bool names_secret(struct otr_slice key)
{
	struct key_word before = {OTR_SLICE_NONE, 0}, word, behind;
	char text[KEY_MAX], all[KEY_MAX];
	bool secret;

	key = otr_secret_decode(text, sizeof(text), key);
	if (!key.data)
		return true; /* too long to be searched */
	key.len = otr_secret_fold(text, key.len);
	if (!otr_secret_readable(key))
		return true;
	secret = begins_or_ends(join_letters(all, key));
	for (word = take_key_word(&key); word.text.len; word = behind) {
		behind = take_key_word(&key);
		secret |= is_secret(&before, &word, &behind);
		if (!behind.text.len && before.text.len && has_meaning(word.means, DESCRIBES))
			return false;
		before = word;
	}
	return secret;
}

bool otr_secret_word(struct otr_slice word)
{
	bool secret = begins_or_ends(word);
	struct key_word at;

	for (at = take_key_word(&word); at.text.len; at = take_key_word(&word)) {
		secret |= has_meaning(at.means, SECRET) || begins_or_ends(at.text);
		if (has_meaning(at.means, DESCRIBES) && !word.len)
			return false;
	}
	return secret;
}

/* Each request has the same keys again, so each thread remembers the verdicts on them. A client
 * that sends many other keys only makes the verdicts be computed again. */
#define KEPT	 256
#define KEPT_LEN 30

struct kept {
	uint8_t len; /* 0: the row is free */
	bool secret;
	char text[KEPT_LEN];
};

static struct kept *place_of(struct otr_slice key)
{
	static __thread struct kept kept[KEPT];
	uint32_t sum = 2166136261u;

	for (size_t i = 0; i < key.len; i++)
		sum = (sum ^ (unsigned char)key.data[i]) * 16777619u;
	return &kept[(sum >> 16 ^ sum) % KEPT];
}

bool otr_secret_key(struct otr_slice key)
{
	struct kept *at;

	if (!key.len || key.len > KEPT_LEN)
		return names_secret(key);
	at = place_of(key);
	if (at->len == key.len && !memcmp(at->text, key.data, key.len))
		return at->secret;
	at->secret = names_secret(key);
	at->len = (uint8_t)key.len;
	memcpy(at->text, key.data, key.len);
	return at->secret;
}

static bool is_uuid(struct otr_slice s)
{
	if (s.len != UUID_LEN)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if ((i == 8 || i == 13 || i == 18 || i == 23) ? s.data[i] != '-'
							      : otr_hex_digit(s.data[i]) < 0)
			return false;
	return true;
}

static int class_of(char c)
{
	return is_digit(c) ? 1 : is_upper(c) ? 2 : 3;
}

/* Is `s` random? In names, letters change to digits or capitals at the boundaries of words; in
 * random text, at nearly every second place. A capital that begins a word is no change. */
static bool is_random(struct otr_slice s)
{
	size_t letters = 0, digits = 0, changes = 0, hexes = 0;
	char last = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];

		if (!in_word(c)) {
			last = 0;
			continue;
		}
		digits += is_digit(c);
		letters++;
		hexes += otr_hex_digit(c) >= 0;
		if (last && class_of(c) != class_of(last) && !(is_upper(last) && is_lower(c)))
			changes++;
		last = c;
	}
	if (hexes == letters)
		return letters >= HEX_LEAST && digits && digits < letters;
	return letters >= TOKEN_LEAST && digits && changes * 9 >= letters * 2;
}

static bool has_prefix(struct otr_slice s)
{
	for (size_t i = 0; i < OTR_ARRAY_SIZE(prefixes); i++)
		if (s.len >= strlen(prefixes[i]) + 12 &&
		    otr_slice_starts(s, otr_slice_str(prefixes[i])))
			return true;
	return false;
}

/* Is `s` a token: base64url, or base64 if the value is nothing else? */
static bool is_token(struct otr_slice s)
{
	return !is_uuid(s) && (is_random(s) || has_prefix(s));
}

static bool is_jwt(struct otr_slice s)
{
	return s.len >= TOKEN_LEAST && otr_slice_starts(s, OTR_SLICE("eyJ")) &&
	       memchr(s.data, '.', s.len);
}

bool otr_secret_shape(struct otr_slice s)
{
	size_t n = 0, from = 0;

	if (s.len < 16)
		return false;
	if (is_jwt(s))
		return true;
	while (n < s.len && (in_word(s.data[n]) || strchr("-_+/=~", s.data[n])))
		n++;
	if (n == s.len && s.data[0] != '/')
		return is_token(s);
	for (size_t i = 0; i <= s.len; i++) {
		if (i < s.len && (in_word(s.data[i]) || s.data[i] == '-' || s.data[i] == '_'))
			continue;
		if (is_token(otr_slice_sub(s, from, i - from)))
			return true;
		from = i + 1;
	}
	return false;
}
