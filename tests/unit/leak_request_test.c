/* SPDX-License-Identifier: Apache-2.0 */
/* Its tables of words and statements stay several a line. */
/* clang-format off */
/* leak_request_test.c - no secret of a request gets out; see leak.h. */

#include "agent/proto/http1.h"
#include "tests/unit/leak.h"

/* ---- requests ---- */

static const char *const keys[] = {
	"key", "jwt", "auth", "sid", "otp", "accessToken", "private_token", "credential",
	"code", "code_verifier", "SAMLResponse", "x-api-key", "user[password]", "token[]",
	"token", "ACCESS_TOKEN", "X-Amz-Signature", "AWSAccessKeyId", "Signature", "sig",
	"session", "sessionid", "client_secret", "passwd", "pwd", "id_token", "state", "",
	"\uff54\uff4f\uff4b\uff45\uff4e", "\uff30assword", "t\u043eken", "\u043f\u0430\u0440\u043e\u043b\u044c", "\u5bc6\u7801",
	"contrase\u00f1a", "Mot-de-passe",
};

#define FIRST_WITHOUT_A_KEY 27

/* Appends a word that announces a secret, and the secret, in one value. */
static void announced(struct otr_buf *out)
{
	static const char *const words[] = {"token", "my password is", "Secret", "\uff54oken", "api key 1"};
	static const char *const gaps[] = {" ", "+", "%20", "%2520", "%3D", ": ", ",", "%E3%80%80"};
	const char *word = PICK(words);

	otr_buf_str(out, "q=");
	for (; *word; word++)
		otr_buf_byte(out, *word == ' ' ? '+' : *word);
	for (word = PICK(gaps); *word; word++)
		otr_buf_str(out, *word == ' ' ? "%20" : (char[]){*word, 0});
	otr_buf_str(out, "SECRETVAL1");
}

static void escaped(struct otr_buf *out, char c, int rounds)
{
	otr_buf_str(out, "%");
	for (; rounds > 1; rounds--)
		otr_buf_str(out, "25");
	otr_buf_printf(out, "%02X", (unsigned char)c);
}

/* Appends a text of which some characters, or all signs, are percent-encoded. */
static void encoded(struct otr_buf *out, const char *text, bool signs, uint32_t odds)
{
	int rounds = 1 + (int)pick(2);

	for (; *text; text++)
		if ((signs && strchr(":/?#[]@&=%;", *text)) || (odds && !pick(odds)))
			escaped(out, *text, rounds);
		else
			otr_buf_byte(out, *text);
}

/* Writes a token with a mark: a value whose key says nothing must have the shape of a token. */
static void token(char *out, size_t size)
{
	static const char *const shapes[] = {
		"eyJhbGciOiJIUzI1NiJ9.SECRETVAL!!.c2VjcmV0c2lnbmF0dXJl",
		"a1b2c3d4e5f6a1b2c3d4e5f9876543f6a1b2c!!", "ghp_SECRETVAL!!abcdef",
		"q3Z9f1K7x2T5b8W4m6N-SECRETVAL!!c0R", "xoxb-9876543-!!-SECRETVAL",
	};

	snprintf(out, size, "%s", PICK(shapes));
	for (; *out; out++)
		*out = *out == '!' ? (char)('0' + pick(10)) : *out;
}

static void pair(struct otr_buf *out, const char *key, bool plain)
{
	encoded(out, key, false, plain ? 0 : 4);
	otr_buf_str(out, "=SECRETVAL1");
}

static void query(struct otr_buf *out)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf inner = {0};
	char text[128];

	token(text, sizeof(text));
	switch (pick(7)) {
	case 6:
		announced(out);
		break;
	case 0:
		otr_buf_printf(out, "q=%s", text);
		break;
	case 1:
		encoded(out, text, true, 3);
		break;
	case 2:
		otr_buf_str(out, "next=");
		encoded(out, "http://me:SECRETVAL@h.example/x", pick(2), 0);
		break;
	case 3:
		otr_buf_str(&inner, "http://h.example/x?a=1&");
		pair(&inner, keys[pick(FIRST_WITHOUT_A_KEY)], true);
		otr_buf_byte(&inner, 0);
		otr_buf_str(out, "next=");
		encoded(out, inner.data, true, 0);
		break;
	default:
		pair(out, PICK(keys), pick(2));
	}
}

static void segment(struct otr_buf *out)
{
	char text[128];

	token(text, sizeof(text));
	switch (pick(6)) {
	case 0:
		otr_buf_printf(out, "/%s", text);
		break;
	case 1:
		otr_buf_byte(out, '/');
		encoded(out, text, true, 4);
		break;
	case 2:
		otr_buf_printf(out, "/bot123456:AA%s", text);
		break;
	case 3:
		otr_buf_str(out, "/a;jsessionid=SECRETVAL");
		break;
	case 4:
		otr_buf_str(out, "//me:SECRETVAL@h");
		break;
	default:
		otr_buf_str(out, "/users");
	}
}

static void request(struct otr_buf *out)
{
	char text[128];

	otr_buf_str(out, "GET ");
	if (!pick(4))
		otr_buf_str(out, "http://me:SECRETVAL@h.example");
	for (uint32_t n = 1 + pick(3); n; n--)
		segment(out);
	for (uint32_t i = 0, n = pick(4); i < n; i++) {
		otr_buf_byte(out, i ? "&;"[pick(2)] : '?');
		query(out);
	}
	token(text, sizeof(text));
	otr_buf_printf(out, "%s HTTP/1.1\r\nHost: me:SECRETVAL@h.example\r\n"
			    "User-Agent: x/1 (token=SECRETVAL; %s)\r\n"
			    "Authorization: Bearer SECRETVAL\r\nCookie: a=SECRETVAL\r\n\r\n",
		       pick(4) ? "" : "#access_token=SECRETVAL", text);
}

static void no_secret_of_a_request_leaves(void **state)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0}, out = {0};
	uint64_t seed = number_of("SEED", 1), last = seed + number_of("RUNS", RUNS);

	(void)state;
	for (; seed < last; seed++) {
		enum otr_role role = seed & 1 ? OTR_ROLE_CLIENT : OTR_ROLE_SERVER;
		struct otr_msg req = {0}, rsp = {.kind = OTR_MSG_RESPONSE, .status = 200};
		struct otr_http1 http = {0};
		struct otr_span *sp;

		random_state = seed * 0x9e3779b97f4a7c15ULL;
		otr_buf_reset(&text);
		request(&text);
		parse_all(&otr_http1, &http,
			  role == OTR_ROLE_CLIENT ? OTR_DIR_OUT : OTR_DIR_IN,
			  otr_buf_view(&text), &req);
		sp = span_of(&otr_http1, role, &req, &rsp);
		if (leaks(sp, &out))
			fail_msg("SEED=%llu RUNS=1: %.*s\nshows %.*s",
				 (unsigned long long)seed, OTR_SLICE_ARG(text),
				 OTR_SLICE_ARG(out));
		otr_span_unref(&sp);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_secret_of_a_request_leaves),
	};
	int rc;

	setenv("LC_ALL", "C.UTF-8", 1);
	if (otr_proto_memory_init(&memory))
		return 1;
	rc = cmocka_run_group_tests_name("leak_request", tests, NULL, NULL);
	otr_proto_memory_fini(&memory);
	return rc;
}
