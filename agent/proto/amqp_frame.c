/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amqp_frame.c - frames of AMQP 0-9-1 (specification, 2.3 and 4.2), and which bytes are frames for
 * certain.
 *
 *	| type 8 | channel 16 | size 32 | size bytes of payload | 0xce |
 *	method: | class 16 | number 16 | arguments |
 */

#include "agent/proto/amqp.h"

#include "agent/base/own.h"

#define CHAIN 4 /* frames in a row that are looked at */

enum {
	SERVER = 1,
	CLIENT = 2,
	BOTH = 3
};

/* The arguments: o, w, l, q: 1, 2, 4, 8 bytes; s: a text with a length of one byte; S: a text or a
 * table with one of four. */
struct method {
	uint16_t class, number;
	uint8_t by;
	char args[11];
};

static const struct method methods[] = {
	{10, 10, SERVER, "ooSSS"},  {10, 11, CLIENT, "SsSs"},  {10, 20, SERVER, "S"},
	{10, 21, CLIENT, "S"},	    {10, 30, SERVER, "wlw"},   {10, 31, CLIENT, "wlw"},
	{10, 40, CLIENT, "sso"},    {10, 41, SERVER, "s"},     {10, 50, BOTH, "wsww"},
	{10, 51, BOTH, ""},	    {10, 60, SERVER, "s"},     {10, 61, SERVER, ""},
	{10, 70, CLIENT, "Ss"},	    {10, 71, SERVER, ""},      {20, 10, CLIENT, "s"},
	{20, 11, SERVER, "S"},	    {20, 20, BOTH, "o"},       {20, 21, BOTH, "o"},
	{20, 40, BOTH, "wsww"},	    {20, 41, BOTH, ""},	       {40, 10, CLIENT, "wssoS"},
	{40, 11, SERVER, ""},	    {40, 20, CLIENT, "wso"},   {40, 21, SERVER, ""},
	{40, 30, CLIENT, "wsssoS"}, {40, 31, SERVER, ""},      {40, 40, CLIENT, "wsssoS"},
	{40, 51, SERVER, ""},	    {50, 10, CLIENT, "wsoS"},  {50, 11, SERVER, "sll"},
	{50, 20, CLIENT, "wsssoS"}, {50, 21, SERVER, ""},      {50, 30, CLIENT, "wso"},
	{50, 31, SERVER, "l"},	    {50, 40, CLIENT, "wso"},   {50, 41, SERVER, "l"},
	{50, 50, CLIENT, "wsssS"},  {50, 51, SERVER, ""},      {60, 10, CLIENT, "lwo"},
	{60, 11, SERVER, ""},	    {60, 20, CLIENT, "wssoS"}, {60, 21, SERVER, "s"},
	{60, 30, BOTH, "so"},	    {60, 31, BOTH, "s"},       {60, 40, CLIENT, "wsso"},
	{60, 50, SERVER, "wsss"},   {60, 60, SERVER, "sqoss"}, {60, 70, CLIENT, "wso"},
	{60, 71, SERVER, "qossl"},  {60, 72, SERVER, "s"},     {60, 80, BOTH, "qo"},
	{60, 90, CLIENT, "qo"},	    {60, 100, CLIENT, "o"},    {60, 110, CLIENT, "o"},
	{60, 111, SERVER, ""},	    {60, 120, BOTH, "qo"},     {85, 10, CLIENT, "o"},
	{85, 11, SERVER, ""},	    {90, 10, CLIENT, ""},      {90, 11, SERVER, ""},
	{90, 20, CLIENT, ""},	    {90, 21, SERVER, ""},      {90, 30, CLIENT, ""},
	{90, 31, SERVER, ""},
};

static const struct method *method_of(uint32_t number)
{
	for (size_t i = 0; i < OTR_ARRAY_SIZE(methods); i++)
		if (((uint32_t)methods[i].class << 16 | methods[i].number) == number)
			return &methods[i];
	return NULL;
}

bool otr_amqp_is_server(uint32_t number)
{
	const struct method *m = method_of(number);

	return m && m->by & SERVER;
}

bool otr_amqp_is_client(uint32_t number)
{
	const struct method *m = method_of(number);

	return m && m->by & CLIENT;
}

uint64_t otr_amqp_int(struct otr_amqp_args *args, size_t bytes)
{
	uint64_t out = 0;

	if (args->left.len < bytes) {
		args->bad = true;
		args->left = OTR_SLICE_NONE;
		return 0;
	}
	for (size_t i = 0; i < bytes; i++)
		out = out << 8 | (uint8_t)args->left.data[i];
	args->left = otr_slice_sub(args->left, bytes, args->left.len);
	return out;
}

static struct otr_slice take(struct otr_amqp_args *args, size_t len)
{
	struct otr_slice text = otr_slice_sub(args->left, 0, len);

	args->bad |= text.len < len;
	args->left = otr_slice_sub(args->left, len, args->left.len);
	return text;
}

struct otr_slice otr_amqp_short(struct otr_amqp_args *args)
{
	return take(args, (size_t)otr_amqp_int(args, 1));
}

struct otr_slice otr_amqp_long(struct otr_amqp_args *args)
{
	return take(args, (size_t)otr_amqp_int(args, 4));
}

bool otr_amqp_frame_read(struct otr_amqp_frame *fr, struct otr_slice in)
{
	struct otr_amqp_args args = {.left = in};

	fr->type = (uint8_t)otr_amqp_int(&args, 1);
	fr->channel = (uint16_t)otr_amqp_int(&args, 2);
	fr->size = (uint32_t)otr_amqp_int(&args, 4);
	fr->whole = otr_slice_sub(args.left, 0, fr->size);
	switch (fr->type) {
	case OTR_AMQP_TYPE_METHOD:
		return fr->size >= 4 && fr->size <= OTR_AMQP_FRAME;
	case OTR_AMQP_TYPE_HEADER:
		return fr->channel && fr->size >= 14 && fr->size <= OTR_AMQP_FRAME;
	case OTR_AMQP_TYPE_BODY:
		return fr->channel && fr->size <= OTR_AMQP_FRAME;
	case OTR_AMQP_TYPE_HEARTBEAT:
		return !fr->size;
	default:
		return false;
	}
}

static size_t width(char arg)
{
	return arg == 'o' ? 1 : arg == 'w' ? 2 : arg == 'l' ? 4 : 8;
}

/* Do the arguments of a method fill its frame? Each length has to be seen, not each text. */
static bool fills(const struct otr_amqp_frame *fr)
{
	struct otr_amqp_args args = {.left = fr->whole};
	const struct method *m = method_of((uint32_t)otr_amqp_int(&args, 4));
	uint64_t size = 4, len;

	if (!m || (fr->channel != 0) == (m->class == 10))
		return false;
	for (const char *at = m->args; *at; at++) {
		len = 0;
		if (*at == 's' || *at == 'S') {
			args.left = otr_slice_sub(fr->whole, (size_t)size, fr->whole.len);
			size += *at == 's' ? 1 : 4;
			len = otr_amqp_int(&args, *at == 's' ? 1 : 4);
			if (args.bad || len > fr->size)
				return false;
		} else {
			len = width(*at);
		}
		size += len;
	}
	return size == fr->size;
}

/* Is its last byte right, where it is there? */
static bool ends(const struct otr_amqp_frame *fr, struct otr_slice in)
{
	size_t at = OTR_AMQP_HEAD + fr->size;

	return at >= in.len || (uint8_t)in.data[at] == OTR_AMQP_END;
}

static bool begins(const struct otr_amqp_frame *fr)
{
	return fr->type == OTR_AMQP_TYPE_METHOD
		       ? fills(fr)
		       : fr->type == OTR_AMQP_TYPE_HEARTBEAT && !fr->channel;
}

bool otr_amqp_certain(struct otr_slice in)
{
	struct otr_amqp_frame fr;

	for (unsigned int i = 0; i < CHAIN; i++) {
		if (in.len < OTR_AMQP_HEAD)
			return i > 0;
		if (!otr_amqp_frame_read(&fr, in) || (!i && !begins(&fr)) || !ends(&fr, in))
			return false;
		if (!i && in.len < OTR_AMQP_HEAD + 1)
			return false; /* a heartbeat without its end */
		in = otr_slice_sub(in, OTR_AMQP_HEAD + 1 + (size_t)fr.size, in.len);
	}
	return true;
}

bool otr_amqp_sniff(enum otr_dir dir, struct otr_slice head)
{
	(void)dir;
	return otr_slice_starts(head, OTR_AMQP_OPENS) || otr_amqp_certain(head);
}
