/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

/* What vlf-events finds in a file. Times are nanoseconds of stream time; matches are probabilities, 0..1. */

/* One prompt at one frame. */
typedef struct {
  guint64 time;
  gdouble match; /* NaN: the model does not say */
} EventsSample;

/* From when to when a prompt matched. */
typedef struct {
  guint64 start, end, best_at;
  gdouble best;
  GBytes *picture; /* JPEG of the best frame; NULL: none was seen */
} EventsMatch;

typedef struct {
  gchar *text;
  GArray *samples;   /* of EventsSample */
  GArray *matches;   /* of EventsMatch */
  gboolean matching; /* between the messages that a match starts and ends */
  /* The best frame of the match, or of what may become one. */
  GBytes *picture;
  gdouble picture_match; /* -1: no picture */
} EventsPrompt;

typedef struct {
  gchar *name;  /* of the file, UTF-8 */
  gchar *model; /* NULL: not known yet */
  gdouble threshold;
  guint64 end;        /* of the last frame */
  GPtrArray *prompts; /* of EventsPrompt */
} EventsRecord;

/* @prompts: NULL-terminated. */
EventsRecord *events_record_new (const gchar *file, gchar *const *prompts);
void events_record_free (EventsRecord *record); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EventsRecord, events_record_free)

/* "1:02:03.456"; free with g_free(). */
gchar *events_time (guint64 time);
/* A line for each match, in the order of their starts; free with g_free(). */
gchar *events_timeline (const EventsRecord *record);
/* A page that needs nothing but itself: every match with its picture, and each prompt's match over time. What users wrote is escaped.
 * Free with g_free(). */
gchar *events_page (const EventsRecord *record);

G_END_DECLS
