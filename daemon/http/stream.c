/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/loop.h"
#include "daemon/http/turns.h"

enum phase {
        PHASE_HISTORY,  /* rows of the store */
        PHASE_CATCH_UP, /* the store is waited for, to be read again */
        PHASE_LOSSES,   /* what is missing in them, cause by cause */
        PHASE_LIVE,     /* the queue, for ever */
        PHASE_END,
};

/* What next_line() found. */
enum step {
        STEP_LINE,  /* a line is ready to be sent */
        STEP_WAIT,  /* nothing until something happens */
        STEP_YIELD, /* nothing yet, and others should have their turn */
        STEP_END,
        STEP_FAILED,
};

struct stream {
        struct stream *next, **link; /* in http->streams */
        struct http *http;
        struct MHD_Connection *connection;
        sd_event_source *resume; /* of the connection's server */
        struct peer peer;
        struct event_filter filter;
        enum phase phase;
        bool follow;
        bool queueing;  /* live events are kept from now on */
        bool suspended; /* libmicrohttpd waits for us */
        bool served;    /* it is our turn: what comes next is looked for */
        bool gone;      /* the client hung up */
        bool ended;     /* the daemon stops */

        struct store_cursor *cursor;
        uint64_t last_seq; /* of the last row read */
        unsigned rounds, round_rows;
        uint64_t losses[_LOST_MAX];
        int next_loss;

        char *line; /* being sent */
        size_t length, offset;

        char *queue[STREAM_QUEUE_EVENTS];
        size_t head, count, bytes;
        uint64_t lost; /* since the last loss line */

        int fd; /* a duplicate of the connection's, to see it end while libmicrohttpd does not look */
        sd_event_source *hangup;
        struct turn *turn;
};

static char *event_line(const struct event *e)
{
        struct json_object *o = NULL;
        char *line = NULL;

        if (event_to_json(e, &o) < 0)
                return NULL;
        if (asprintf(&line, "%s\n",
                     json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
                                                               JSON_C_TO_STRING_NOSLASHESCAPE)) < 0)
                line = NULL;
        json_object_put(o);
        return line;
}

static char *loss_line(enum loss_cause cause, uint64_t count)
{
        struct event e = {
                .type = EV_LOSS,
                .time_ns = clock_boot_ns(),
                .wall_ns = clock_wall_ns(),
                .count = count,
        };

        snprintf(e.note, sizeof(e.note), "%s", loss_cause_to_string(cause));
        return event_line(&e);
}

/* The counterpart of store_query() for events that are not rows yet. */
static bool wanted(struct stream *s, const struct event *e)
{
        const struct event_filter *f = &s->filter;

        return e->seq > s->last_seq && (!f->types || f->types & EVENT_BIT(e->type)) &&
               (!f->pid || event_concerns(e, f->pid)) && lifetime_has_event(&f->of, e) &&
               e->wall_ns >= f->since_wall_ns &&
               peer_sees_event(&s->peer, pump_model(s->http->pump), &s->http->owners, e);
}

/* ---- the queue ----------------------------------------------------------------------------------- */

static void wake(struct stream *s)
{
        if (!s->suspended)
                return;
        s->suspended = false;
        MHD_resume_connection(s->connection);
        loop_later(s->resume);
}

static bool queue_line(struct stream *s, char *line)
{
        size_t length = line ? strlen(line) : 0;

        if (!line || s->count == STREAM_QUEUE_EVENTS || s->bytes + length > STREAM_QUEUE_BYTES) {
                free(line);
                return false;
        }
        s->queue[(s->head + s->count++) % STREAM_QUEUE_EVENTS] = line;
        s->bytes += length;
        return true;
}

static char *dequeue(struct stream *s)
{
        char *line = NULL;

        if (s->count) {
                line = TAKE_PTR(s->queue[s->head]);
                s->head = (s->head + 1) % STREAM_QUEUE_EVENTS;
                s->count--;
                s->bytes -= strlen(line);
        } else if (s->lost) {
                line = loss_line(LOST_FOLLOWER, s->lost);
                if (line)
                        s->lost = 0;
        }
        return line;
}

/* Follower of the pump. A loss stands in the stream where it happened. */
static void on_live_event(void *userdata, const struct event *e)
{
        struct stream *s = userdata;

        if (!s->queueing || s->ended || !wanted(s, e))
                return;
        if (s->lost && s->count < STREAM_QUEUE_EVENTS / 2 &&
            queue_line(s, loss_line(LOST_FOLLOWER, s->lost)))
                s->lost = 0;
        if (s->lost || s->count == STREAM_QUEUE_EVENTS || !queue_line(s, event_line(e))) {
                s->lost++;
                pump_follower_lost(s->http->pump);
        }
        wake(s);
}

/* A client that follows may be silent for ever. One that does not take the rows that are stored may not: it
 * would keep the store from tidying up behind them. */
static void go_live(struct stream *s)
{
        s->cursor = store_cursor_free(s->cursor);
        s->phase = PHASE_LIVE;
        s->queueing = true;
        MHD_set_connection_option(s->connection, MHD_CONNECTION_OPTION_TIMEOUT, 0U);
}

/* ---- its turn ------------------------------------------------------------------------------------ */

/* The lines are made where libmicrohttpd asks for them: still in this turn, so nobody else has theirs. */
static enum turn_result on_stream_turn(void *userdata)
{
        struct stream *s = userdata;

        s->served = true;
        wake(s);
        return TURN_PASSED;
}

static enum step take_turn(struct stream *s, enum turn_need need)
{
        if (s->turn || turn_take(s->http->turns, s->peer.uid, need, on_stream_turn, s, &s->turn) >= 0)
                return STEP_WAIT;
        return STEP_FAILED;
}

/* ---- line after line ----------------------------------------------------------------------------- */

static int open_history(struct stream *s)
{
        s->cursor = store_cursor_free(s->cursor);
        s->filter.after_seq = MAX_OF(s->filter.after_seq, s->last_seq);
        s->round_rows = 0;
        s->rounds++;
        return store_query(s->http->store, &s->filter, &s->cursor);
}

/*
 * The rows are read. Reading them took time, in which more were written: read again, until what is new would
 * fit the queue. From then on the queue keeps it, and what it keeps while the last rows are read is told
 * from them by its seq.
 */
static enum step end_history(struct stream *s)
{
        if (!s->follow) {
                pump_losses(s->http->pump, s->losses);
                s->phase = PHASE_LOSSES;
                return STEP_YIELD;
        }
        if (s->queueing) {
                go_live(s);
                return STEP_YIELD;
        }
        if (s->round_rows < STREAM_QUEUE_EVENTS / 4 || s->rounds >= STREAM_CATCH_UP)
                s->queueing = true;
        s->phase = PHASE_CATCH_UP;
        return take_turn(s, NEED_STORE);
}

/* The store has caught up. */
static enum step catch_up(struct stream *s)
{
        if (open_history(s) < 0)
                return STEP_FAILED;
        s->phase = PHASE_HISTORY;
        return STEP_YIELD;
}

static enum step history_line(struct stream *s)
{
        struct event e;

        for (int i = 0; i < STREAM_STEP_EVENTS; i++) {
                int r = store_cursor_step(s->cursor, &e);

                if (r == -EAGAIN)
                        return STEP_YIELD;
                if (r < 0)
                        return STEP_FAILED;
                if (r == 0)
                        return end_history(s);
                s->last_seq = e.seq;
                s->round_rows++;
                if (!peer_sees_event(&s->peer, pump_model(s->http->pump), &s->http->owners, &e))
                        continue;
                s->line = event_line(&e);
                return s->line ? STEP_LINE : STEP_FAILED;
        }
        return STEP_YIELD;
}

static enum step loss_lines(struct stream *s)
{
        for (; s->next_loss < _LOST_MAX; s->next_loss++) {
                if (!s->losses[s->next_loss])
                        continue;
                s->line = loss_line(s->next_loss, s->losses[s->next_loss]);
                s->next_loss++;
                return s->line ? STEP_LINE : STEP_FAILED;
        }
        s->phase = PHASE_END;
        return STEP_END;
}

static enum step live_line(struct stream *s)
{
        s->line = dequeue(s);
        return s->line ? STEP_LINE : STEP_WAIT;
}

static enum step end_line(struct stream *s _unused_)
{
        return STEP_END;
}

static enum step (*const next_line[])(struct stream *s) = {
        [PHASE_HISTORY] = history_line, [PHASE_CATCH_UP] = catch_up, [PHASE_LOSSES] = loss_lines,
        [PHASE_LIVE] = live_line,       [PHASE_END] = end_line,
};

/* Rows are looked for in turns only; what is in the queue costs nothing. */
static enum step find_line(struct stream *s)
{
        enum step step;

        if (s->ended)
                return STEP_END;
        if (!s->served && s->phase <= PHASE_CATCH_UP)
                return STEP_YIELD;
        step = next_line[s->phase](s);
        s->length = s->line ? strlen(s->line) : 0;
        s->offset = 0;
        return step;
}

/* Fills buf as far as lines are there. */
static enum step fill_block(struct stream *s, char *buf, size_t max, size_t *ret_n)
{
        enum step step = STEP_LINE;
        size_t n = 0;

        while (n < max && step == STEP_LINE) {
                size_t part = MIN_OF(max - n, s->length - s->offset);

                if (!s->line) {
                        step = find_line(s);
                        continue;
                }
                memcpy(buf + n, s->line + s->offset, part);
                s->offset += part;
                n += part;
                if (s->offset == s->length) {
                        free(TAKE_PTR(s->line));
                        s->length = s->offset = 0;
                }
        }
        *ret_n = n;
        return step;
}

/* libmicrohttpd asks for more. Nothing now, and no promise when: the connection is set aside. */
static ssize_t on_read(void *userdata, uint64_t at _unused_, char *buf, size_t max)
{
        struct stream *s = userdata;
        enum step step;
        size_t n;

        if (s->gone)
                return MHD_CONTENT_READER_END_WITH_ERROR;
        if (!s->turn)
                s->served |= turns_ready(s->http->turns, NEED_NOTHING);
        step = fill_block(s, buf, max, &n);
        s->served = false;
        if (n)
                return (ssize_t)n;
        if (step == STEP_END)
                return MHD_CONTENT_READER_END_OF_STREAM;
        if (step == STEP_FAILED)
                return MHD_CONTENT_READER_END_WITH_ERROR;
        if (step == STEP_YIELD && take_turn(s, NEED_NOTHING) == STEP_FAILED)
                return MHD_CONTENT_READER_END_WITH_ERROR;
        s->suspended = true;
        MHD_suspend_connection(s->connection);
        return 0;
}

/* ---- from beginning to end ----------------------------------------------------------------------- */

/* Only a hang-up is waited for: a client that merely closed its sending side still listens. */
static int on_stream_hangup(sd_event_source *source, int fd _unused_, uint32_t events _unused_,
                            void *userdata)
{
        struct stream *s = userdata;

        s->gone = true;
        wake(s);
        return sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

static void stream_free(void *userdata)
{
        struct stream *s = userdata;

        if (s->follow) {
                pump_unfollow(s->http->pump, on_live_event, s);
                s->http->followers--;
        }
        sd_event_source_disable_unref(s->hangup);
        turn_cancel(s->turn);
        if (s->fd >= 0)
                close(s->fd);
        store_cursor_free(s->cursor);
        while (s->count)
                free(dequeue(s));
        free(s->line);
        *s->link = s->next;
        if (s->next)
                s->next->link = s->link;
        free(s);
}

static int start_following(struct stream *s)
{
        int r;

        /* Unprivileged clients leave room for the others. */
        if (!s->peer.privileged && s->http->followers >= PUMP_FOLLOWERS_MAX / 2)
                return -EUSERS;
        r = pump_follow(s->http->pump, on_live_event, s);
        if (r < 0)
                return r;
        s->follow = true;
        s->http->followers++;
        return 0;
}

static int watch_connection(struct stream *s)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(s->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

        s->fd = fcntl(info->connect_fd, F_DUPFD_CLOEXEC, 0);
        if (s->fd < 0)
                return -errno;
        return sd_event_add_io(s->http->event, &s->hangup, s->fd, 0, on_stream_hangup, s);
}

static int start_stream(struct stream *s, bool history, bool follow)
{
        int r = watch_connection(s);

        if (r < 0)
                return r;
        if (follow) {
                r = start_following(s);
                if (r < 0)
                        return r;
        }
        if (history)
                return open_history(s);
        go_live(s);
        return 0;
}

void stream_answer(struct api_call *call, const struct event_filter *filter, bool history, bool follow)
{
        struct stream *s = calloc(1, sizeof(*s));
        int r;

        if (!s) {
                api_answer(call, NULL);
                return;
        }
        *s = (struct stream){
                .http = call->http,
                .connection = call->connection,
                .resume = call->resume,
                .peer = call->peer,
                .filter = *filter,
                .fd = -1,
                .next = call->http->streams,
                .link = &call->http->streams,
        };
        if (s->next)
                s->next->link = &s->next;
        call->http->streams = s;
        r = start_stream(s, history, follow);
        if (r == 0)
                call->response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_read,
                                                                   s, stream_free);
        if (call->response) {
                call->status = MHD_HTTP_OK;
                MHD_add_response_header(call->response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                        "application/x-ndjson");
                MHD_add_response_header(call->response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
                return;
        }
        stream_free(s);
        if (r == -EUSERS)
                api_fail(call, MHD_HTTP_SERVICE_UNAVAILABLE, "too-many-followers",
                         "End another follower first.",
                         "%u clients follow events already, and that is the most.",
                         (unsigned)call->http->followers);
        else
                api_fail(call, MHD_HTTP_INTERNAL_SERVER_ERROR, "store-failed", "",
                         "The stored events cannot be read: %s.", strerror(r ? -r : ENOMEM));
}

void streams_end(struct http *http)
{
        for (struct stream *s = http->streams; s; s = s->next) {
                s->ended = true;
                wake(s);
        }
}
