/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_FLOW_H
#define OTR_FLOW_H

/* flow.h - the life of a flow: its parser, and its end. Inside of stream/ only. */

#include <stdbool.h>
#include <stdint.h>

struct otr_budget;
struct otr_conn;
struct otr_flow;
struct otr_proto_ops;

/* Makes a flow that is in no list. NULL: no memory. */
struct otr_flow *otr_flow_new(struct otr_conn *conn, uint8_t layer, struct otr_budget *budget);
void otr_flow_free(struct otr_flow *fl);

/* `proto` reads the flow from here on. False: `proto` is NULL, or there is no memory; then
 * the flow has no parser. */
bool otr_flow_take(struct otr_flow *fl, const struct otr_proto_ops *proto);

/* Both end what is open and read no more; mute() also makes the source copy no more. */
void otr_flow_shut(struct otr_flow *fl);
void otr_flow_mute(struct otr_flow *fl);

#endif /* OTR_FLOW_H */
