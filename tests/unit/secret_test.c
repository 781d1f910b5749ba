/* SPDX-License-Identifier: Apache-2.0 */
/* Its tables of words and statements stay several a line. */
/* clang-format off */
/* secret_test.c - which keys, values, URLs and arguments are secrets, and which not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/base/secret.h"
#include "agent/proto/url.h"

#define JWT "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJTRUNSRVQifQ.c2VjcmV0c2lnbmF0dXJl"

static void keys(void **state)
{
	static const char *const secret[] = {
		"key", "jwt", "auth", "sid", "otp", "accessToken", "private_token",
		"credential", "code", "code_verifier", "SAMLResponse", "x-api-key",
		"user[password]", "userpass", "sas", "ssn", "hash", "token[]", "TOKEN", "to%6ben", "to%256ben",
		"X-Amz-Credential", "AWSAccessKeyId", "Signature", "sig", "state",
		"sessionid", "JSESSIONID", "PHPSESSID", "APIkey", "apikey", "passwd2",
		"newPassword", "clientsecret", "user.pwd", "PGPASSWORD", "MYSQL_PWD",
		"AWS_SECRET_ACCESS_KEY", "id_token", "csrfmiddlewaretoken", "auth_code",
		"\uff54\uff4f\uff4b\uff45\uff4e", "%EF%BC%B0assword", "contrase\u00f1a", "Mot-de-passe",
		"\u043f\u0430\u0440\u043e\u043b\u044c", "t\u043eken", "\u5bc6\u7801", "p\u0301assword", "%E5%AF%86",
		"%u0074oken", "t%2525252525256Fken", "Passwort", "haslo", "%ff",
		"X-Plex-Token", "password_confirmation", "otp1", "pass-word",
	};
	static const char *const harmless[] = {
		"keyword", "author", "authors", "country_code", "countryCode", "zip-code",
		"status_code", "sort_key", "token_type", "max_tokens", "SignatureVersion",
		"session_name", "monkey", "keys", "page", "id", "q", "compass", "passage",
		"design", "signal", "sidebar", "statement", "order_state", "access",
		"private", "api", "secretary", "tokenize", "public_key", "pinned",
		"gr\u00f6\u00dfe", "pr\u00e9nom", "\uff50\uff41\uff47\uff45", "a%25b", "desenha",
		"encode", "password-file", "X-Amz-SignedHeaders", "se", "sp",
	};

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(secret); i++)
		if (!otr_secret_key(otr_slice_str(secret[i])))
			fail_msg("%s shows its value", secret[i]);
	for (size_t i = 0; i < OTR_ARRAY_SIZE(harmless); i++)
		if (otr_secret_key(otr_slice_str(harmless[i])))
			fail_msg("%s hides its value", harmless[i]);
}

static void shapes(void **state)
{
	static const char *const secret[] = {
		JWT, "a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4", "qZ3f9K1xT7bW2mN8cR5vY0",
		"SECRETAAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", "ghp_abcdefghijklmnop",
		"wJa1rXUt3FEM/K7MDE9G/bPx2fiCY+Zq81Tk0xLm", "AKIAIOSFODNN7EXAMPLE",
		"qZ3f9K1xT7bW2mN8cR5vY0aL", "xoxb-123456789012-abcdef",
	};
	static const char *const harmless[] = {
		"550e8400-e29b-41d4-a716-446655440000", "507f1f77bcf86cd799439011",
		"123456789012345678901234567890123456", "getUserProfileByIdentifierAndName2",
		"how-to-use-OpenTelemetry-2024-in-Production", "application.properties",
		"chunk-vendors.8f3a2b1c.js", "com.example.service.v1.OrderServiceFactory",
		"a-very-long-slug-of-an-article-that-someone-wrote", "2024-01-31T12:00:00Z",
	};

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(secret); i++)
		if (!otr_secret_shape(otr_slice_str(secret[i])))
			fail_msg("%s is shown", secret[i]);
	for (size_t i = 0; i < OTR_ARRAY_SIZE(harmless); i++)
		if (otr_secret_shape(otr_slice_str(harmless[i])))
			fail_msg("%s is hidden", harmless[i]);
}

struct row {
	const char *in, *out; /* NULL: as it is */
};

static void compare(const struct row *row, const struct otr_buf *got)
{
	const char *want = row->out ? row->out : row->in;

	if (!otr_slice_eq(otr_buf_view(got), otr_slice_str(want)))
		fail_msg("%s\n  gives  %.*s\n  wanted %s", row->in,
			 OTR_SLICE_ARG(*got), want);
}

static const struct row target_rows[] = {
	{"/a?token=SECRET&page=2", "/a?token=REDACTED&page=2"},
	{"/a?to%6ben=SECRET", "/a?to%6ben=REDACTED"},
	{"/a?x=1;token=SECRET", "/a?x=1;token=REDACTED"},
	{"/a?a=1&amp;token=SECRET", "/a?a=1&amp;token=REDACTED"},
	{"/a?q=" JWT, "/a?q=REDACTED"},
	{"/a?" JWT, "/a?REDACTED"},
	{"/a?=SECRET", "/a?=REDACTED"},
	{"/a?token", NULL},
	{"/a?b=%", NULL},
	{"/a?b=%4&c=%zz", NULL},
	{"/a?token=a=SECRET", "/a?token=REDACTED"},
	{"/a?redirect=http://u:SECRET@h/", "/a?redirect=REDACTED"},
	{"/a?redirect=http%3A%2F%2Fh%2F%3Ftoken%3DSECRET", "/a?redirect=REDACTED"},
	{"/a?redirect=http%253A%252F%252Fu%253ASECRET%2540h", "/a?redirect=REDACTED"},
	{"/a?redirect=http://h/x?page=2", NULL},
	{"/a?f={%22password%22:%22SECRET%22}", "/a?f=REDACTED"},
	{"/a?user[password]=SECRET&user[name]=x",
	 "/a?user[password]=REDACTED&user[name]=x"},
	{"/a?sv=2020&se=2024&sr=b&sp=r&sig=SECRET",
	 "/a?sv=2020&se=2024&sr=b&sp=r&sig=REDACTED"},
	{"/a?country_code=DE&keyword=x&author=y", NULL},
	{"/a?mail=joe@example.com&t=12:30", NULL},
	{"/reset/" JWT, "/reset/REDACTED"},
	{"/reset/a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6",
	 "/reset/REDACTED"},
	{"/bot123456:SECRETAAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/send",
	 "/bot123456:REDACTED/send"},
	{"/services/T00000000/B00000000/qZ3f9K1xT7bW2mN8cR5vY0aL",
	 "/services/T00000000/B00000000/REDACTED"},
	{"//user:SECRET@h/x", "//REDACTED:REDACTED@h/x"},
	{"/x//SECRET@h/x", "/x//REDACTED:REDACTED@h/x"},
	{"/get/http:/user:SECRET@h/x", "/get/http:/REDACTED:REDACTED@h/x"},
	{"/get/user%3ASECRET%40h/x", "/get/REDACTED/x"},
	{"/a;jsessionid=SECRET/b;v=1", "/a;jsessionid=REDACTED/b;v=1"},
	{"/a;jsessionid%3DSECRET/b", "/REDACTED/b"},
	{"/users/17/x@2x.png", NULL},
	{"/orders/550e8400-e29b-41d4-a716-446655440000/items", NULL},
	{"/token/X9", "/token/REDACTED"},
	{"/Password/Hunter", "/Password/REDACTED"},
	{"/reset/8f3kD92mxQ/done", "/reset/REDACTED/done"},
	{"/hooks/abcd1234efgh5678", "/hooks/REDACTED"},
	{"/invite/Zx8Kq2Lm9Pw4", "/invite/REDACTED"},
	{"/a?\uff54\uff4f\uff4b\uff45\uff4e=SECRET", "/a?\uff54\uff4f\uff4b\uff45\uff4e=REDACTED"},
	{"/a?%EF%BD%94oken=SECRET&page=2", "/a?%EF%BD%94oken=REDACTED&page=2"},
	{"/a?q=token%20SECRET", "/a?q=REDACTED"},
	{"/a?q=my+password+is+SECRET", "/a?q=REDACTED"},
	{"/a?q=%EF%BD%94oken%E3%80%80SECRET", "/a?q=REDACTED"},
	{"/a?q=%EF%BD%94oken%EF%BC%9DSECRET", "/a?q=REDACTED"},
	{"/a?q=token,SECRET", "/a?q=REDACTED"},
	{"/a?q=api+key+s3cret", "/a?q=REDACTED"},
	{"/a?q={%22p\\u0061ssword%22:%22SECRET%22}", "/a?q=REDACTED"},
	{"/a?q=Key+Largo&r=state+of+the+art&s=token", NULL},
	{"/a?response_type=id_token%20token", NULL},
	{"/a?q=%E6%9D%B1%E4%BA%AC%20%E3%83%9B%E3%83%86%E3%83%AB%202024", NULL},
	{"/to%6ben/X9", "/to%6ben/REDACTED"},
	{"/%EF%BD%94oken/X9", "/%EF%BD%94oken/REDACTED"},
	{"/wiki/%D0%9C%D0%BE%D1%81%D0%BA%D0%B2%D0%B0/Talk", NULL},
	{"/password/forgotten", NULL},
	{"/auth/v1/users/7", NULL},
	{"/oauth/token/refresh", NULL},
	{"", NULL},
};

static void targets(void **state)
{
	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(target_rows); i++) {
		OTR_AUTO(otr_buf_fini) struct otr_buf out = {0};
		struct otr_url url;

		otr_url_split(&url, otr_slice_str(target_rows[i].in), false);
		otr_url_path(&out, url.path);
		if (url.query.len) {
			otr_buf_byte(&out, '?');
			otr_url_query(&out, url.query, NULL);
		}
		compare(&target_rows[i], &out);
	}
}

/* '|' stands for the NUL between arguments. */
static const struct row lines[] = {
	{"curl|-u|joe:SECRET|http://h/", "curl -u joe:REDACTED http://h/"},
	{"curl|-ujoe:SEC RET|http://h/", "curl -ujoe:REDACTED http://h/"},
	{"curl|--user=joe:SECRET", "curl --user=joe:REDACTED"},
	{"curl|-H|Authorization: Bearer SECRET|h",
	 "curl -H Authorization: REDACTED h"},
	{"curl|-H|X-Other: Bearer SECRET1", "curl -H X-Other: Bearer REDACTED"},
	{"curl|-H|Cookie: a=SECRET; b=SECRET", "curl -H Cookie: REDACTED"},
	{"curl|http://joe:SECRET@h:80/x?token=SECRET",
	 "curl http://REDACTED:REDACTED@h:80/x?token=REDACTED"},
	{"curl|-d|{\"password\": \"SECRET\", \"n\": 1}",
	 "curl -d {\"password\": \"REDACTED\", \"n\": 1}"},
	{"curl|-m|10|127.0.0.1:8080/x", NULL},
	{"mysql|-uroot|-pSECRET|shop", "mysql -uroot -pREDACTED shop"},
	{"docker|run|-p8080:80|web", NULL},
	{"mkdir|-p|a/b", NULL},
	{"sshpass|-p|SECRET|ssh|h", "sshpass -p REDACTED ssh h"},
	{"redis-cli|-a|SECRET|ping", "redis-cli -a REDACTED ping"},
	{"x|--password=SEC RET|y", "x --password=REDACTED y"},
	{"x|--password|SEC RET|y", "x --password REDACTED y"},
	{"x|--api-key|SECRET", "x --api-key REDACTED"},
	{"x|--password-file|/etc/pw|--keyword|y", NULL},
	{"env|PGPASSWORD=SEC RET|TOKEN=SECRET|psql",
	 "env PGPASSWORD=REDACTED TOKEN=REDACTED psql"},
	{"sh|-c|curl -u joe:SECRET -H 'Authorization: Bearer SECRET' h",
	 "sh -c curl -u joe:REDACTED -H 'REDACTED' h"},
	{"sh|-c|cd a; TOKEN=SECRET x --secret SECRET; PGPASSWORD='SEC RET' psql",
	 "sh -c cd a; TOKEN=REDACTED x --secret REDACTED PGPASSWORD='REDACTED' psql"},
	{"curl|-E|cert.pem:SECRET|h", "curl -E cert.pem:REDACTED h"},
	{"curl|--cert|cert.pem:SECRET|h", "curl --cert cert.pem:REDACTED h"},
	{"curl|--proxy-cert=cert.pem:SEC RET|h", "curl --proxy-cert=cert.pem:REDACTED h"},
	{"curl|-sSu|joe:SECRET|h", "curl -sSu joe:REDACTED h"},
	{"curl|-sujoe:SECRET|h", "curl -sujoe:REDACTED h"},
	{"curl|-sE|c:SECRET|-k|http://h/", "curl -sE c:REDACTED -k http://h/"},
	{"curl|-H|Accept: x|-sk|-o|/dev/null|h", NULL},
	{"grep|-E|a:b|f", NULL},
	{"openssl|enc|-aes-256-cbc|-k|SEC RET|-in|f", "openssl enc -aes-256-cbc -k REDACTED -in f"},
	{"openssl|enc|-K|5EC2E7|-in|f", "openssl enc -K REDACTED -in f"},
	{"openssl|rsa|-passin|pass:SECRET|-in|f", "openssl rsa -passin REDACTED -in f"},
	{"openssl|enc|-pass|pass:SEC RET", "openssl enc -pass REDACTED"},
	{"keytool|-storepass|SECRET|-list", "keytool -storepass REDACTED -list"},
	{"zip|-P|SECRET|a.zip|a", "zip -P REDACTED a.zip a"},
	{"7z|x|-pSECRET|a.7z", "7z x -pREDACTED a.7z"},
	{"python3|-c|login('SECRET', 12)", "python3 -c REDACTED"},
	{"/usr/bin/python3.11|-W|ignore|-uc|login(SECRET)|x", "/usr/bin/python3.11 -W ignore -uc REDACTED x"},
	{"python3|-clogin(SECRET)", "python3 -cREDACTED"},
	{"python3|app.py|-c|app.conf", NULL},
	{"env|A=1|perl|-Mstrict|-wne|print q(SECRET)|f", "env A=1 perl -Mstrict -wne REDACTED f"},
	{"node|--require|x|-e|SECRET", "node --require x -e REDACTED"},
	{"node|--eval=SECRET", "node --eval=REDACTED"},
	{"deno|eval|SECRET", "deno eval REDACTED"},
	{"ruby|-e|SECRET|-e|SECRET", "ruby -e REDACTED -e REDACTED"},
	{"psql|-d|shop|-c|select 'SECRET'|-c|select 'SECRET'",
	 "psql -d shop -c REDACTED -c REDACTED"},
	{"mysql|shop|-e|insert into t values ('SECRET')", "mysql shop -e REDACTED"},
	{"sh|-ec|echo \"SECRET\" ; x 'SEC RET' \\'; y z", "sh -ec echo \"REDACTED\" ; x 'REDACTED' \\'; y z"},
	{"bash|-o|pipefail|-c|x <<< SECRET", "bash -o pipefail -c x <<REDACTED"},
	{"sudo|su|joe|-c|x 'SECRET'", "sudo su joe -c x 'REDACTED'"},
	{"sh|run.sh|-c|it's", NULL},
	{"sh|-c|mysql -pSECRET -e 'select 1'", "sh -c mysql -pREDACTED -e 'REDACTED'"},
	{"java|-Ddb.password=SECRET|-jar|app.jar",
	 "java -Ddb.password=REDACTED -jar app.jar"},
	{"psql|postgres://joe:SECRET@h/db", "psql postgres://REDACTED:REDACTED@h/db"},
	{"psql|host=h user=joe password=SECRET dbname=d",
	 "psql host=h user=joe password=REDACTED dbname=d"},
	{"x|" JWT, "x REDACTED"},
	{"git|clone|git@github.com:a/b.git", NULL},
	{"mail|mailto:joe@example.com", NULL},
	{"python3|-m|http.server|8080", NULL},
};

static void command_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(lines); i++) {
		OTR_AUTO(otr_buf_fini) struct otr_buf out = {0};
		char args[256], plain[256];
		struct row row = lines[i];

		snprintf(args, sizeof(args), "%s", row.in);
		for (char *bar = args; (bar = strchr(bar, '|')); bar++)
			*bar = 0;
		memcpy(plain, args, sizeof(plain));
		for (size_t k = 0; k < strlen(row.in); k++)
			plain[k] = plain[k] ? plain[k] : ' ';
		row.out = row.out ? row.out : plain;
		otr_secret_hide_args(&out, (struct otr_slice){args, strlen(row.in)});
		compare(&row, &out);
	}
}

#define RUNS 20000

static uint64_t random_state;

static uint32_t pick(uint32_t n)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(random_state >> 33) % n;
}

/* '|' separates arguments; '!' stands for a mark, '@' for a quoted text with a mark in it. */
static const char *const commands[] = {
	"curl|-E|c.pem:!|h", "curl|--cert|c.pem:!", "curl|-sSu|joe:!|h", "curl|-kujoe:!",
	"curl|--proxy-cert=c:!", "openssl|enc|-k|!", "openssl|enc|-K|!", "openssl|rsa|-passin|pass:!",
	"openssl|enc|-pass|pass:!|-in|f", "openssl|pkcs12|-passout|pass:!", "keytool|-storepass|!",
	"python3|-c|login(!)|x", "/usr/bin/python3.11|-Wd|-uc|@", "python|-X|dev|-c!", "perl|-wne|@|f",
	"perl|-I|lib|-e|!", "node|-r|x|-e|!", "node|--eval=!", "node|-p|@", "ruby|-e|!|-e|@", "php|-r|@",
	"lua5.4|-e|!", "deno|eval|@", "sh|-c|@", "bash|-o|pipefail|-ec|x y @", "sudo|-u|joe|sh|-c|@",
	"env|A=1|timeout|5|dash|-c|x << E\n!\nE", "docker|exec|c|sh|-c|f @", "mysql|shop|-e|@", "mysql|-p!",
	"psql|-d|shop|-c|select !|-c|@", "mongosh|--eval|@", "redis-cli|-n|1|-a|!", "zip|-P|!|a|b",
	"x|--token|!", "x|--password=!", "x|http://me:!@h/?token=!", "x|-H|Authorization: !",
	"x|\uff30assword=!", "x|-d|{\"p\\u0061ssword\": \"!\"}",
};

static void command(struct otr_buf *out)
{
	static const char *const quoted[] = {"'!'", "\"!\"", "\"a\\\"!\"", "$'!'", "'!", "`!`"};
	const char *c, *q;

	for (c = commands[pick(OTR_ARRAY_SIZE(commands))]; *c; c++) {
		for (q = *c == '@' && c[1] != 'h' ? quoted[pick(OTR_ARRAY_SIZE(quoted))] : (char[]){*c, 0}; *q; q++) {
			if (*q == '!')
				otr_buf_printf(out, "SECRETVAL%u", pick(1000));
			else
				otr_buf_byte(out, *q == '|' ? 0 : *q);
		}
	}
}

static void no_secret_of_a_command_line_leaves(void **state)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf args = {0}, out = {0};

	(void)state;
	for (uint64_t seed = 1; seed < RUNS; seed++) {
		random_state = seed * 0x9e3779b97f4a7c15ULL;
		otr_buf_reset(&args);
		otr_buf_reset(&out);
		command(&args);
		otr_secret_hide_args(&out, otr_buf_view(&args));
		if (memmem(out.data, out.len, "SECRETVAL", 9))
			fail_msg("%.*s is shown", OTR_SLICE_ARG(out));
	}
}

static void long_texts_are_hidden(void **state)
{
	char text[4096];
	char key[200];

	(void)state;
	memset(text, 'a', sizeof(text));
	memset(key, 'k', sizeof(key));
	assert_true(otr_secret_within((struct otr_slice){text, sizeof(text)}));
	assert_false(otr_secret_within((struct otr_slice){text, 2000}));
	assert_true(otr_secret_key((struct otr_slice){key, sizeof(key)}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),
		cmocka_unit_test(shapes),
		cmocka_unit_test(targets),
		cmocka_unit_test(command_lines),
		cmocka_unit_test(no_secret_of_a_command_line_leaves),
		cmocka_unit_test(long_texts_are_hidden),
	};

	return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
