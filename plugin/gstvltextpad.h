/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "plugin/gstvltexts.h"

G_BEGIN_DECLS

/* Text pads and what they share: texts arrive with a time, and each video frame asks which of them are active. A plain sink pad with
 * its own chain and event functions, so that nothing of the text stream (EOS, SEGMENT) leaks into the video stream.
 *
 * A text is active while start <= t < end; without duration until the next one; without timestamp from now on,
 * also where the video goes back to; an empty one ends all.
 * t is stream time (running time when the text comes from a live source). */
#define GST_TYPE_VL_TEXT_PAD (gst_vl_text_pad_get_type ())
G_DECLARE_FINAL_TYPE (GstVlTextPad, gst_vl_text_pad, GST, VL_TEXT_PAD, GstPad)

/* A new pad among @texts, which are asked in the order of the number in their name. @name: text_N, or NULL for the first N that is free.
 * Transfer: floating. NULL where the name is another or in use. */
GstPad *gst_vl_text_pad_request (GstVlTexts *texts, GstPadTemplate *templ, const gchar *name);

/* The two clocks that a text may be matched by. */
enum { GST_VL_CLOCK_STREAM, GST_VL_CLOCK_RUNNING, GST_VL_N_CLOCKS };

typedef struct {
  gchar *text;
  VlfEmbeddings *encoded;                                    /* the text, where it comes encoded; else NULL */
  GstClockTime start[GST_VL_N_CLOCKS], end[GST_VL_N_CLOCKS]; /* end NONE: until the next one */
  gboolean ahead;                                            /* it is of the next round, see GstVlTextPad */
} GstVlTextItem;

struct _GstVlTexts {
  GMutex lock;
  GCond changed;
  GPtrArray *pads; /* of GstVlTextPad, sorted by index; references */
  GstVlTextsFlags flags;
  GstVlTextsJudge judge;             /* NULL: encoded texts are refused */
  guint seeking;                     /* flushing seeks under way */
  guint32 round;                     /* the sequence number of the video's latest segment, */
  guint32 sought;                    /* and of the latest seek that does not flush */
  GstClockTime now[GST_VL_N_CLOCKS]; /* of the latest frame */
  guint video_thread;                /* gst_vl_thread_number() of the latest frame or event; 0: not known */
  /* Of the latest event: frames may come on another thread, from an element before that held them. */
  guint event_thread;
  gboolean crowded; /* the bus was told that more texts are active than are asked */
};

/* All fields below @texts are guarded by its lock. */
struct _GstVlTextPad {
  GstPad parent;
  GstVlTexts *texts;
  guint index;
  GQueue items; /* of GstVlTextItem, in the order of arrival */
  GstSegment segment;
  gboolean markup;
  VlfEncoding encoding;                   /* of what its caps announce, */
  gchar *fingerprint;                     /* if this is not NULL */
  GstClockTime position[GST_VL_N_CLOCKS]; /* no text that starts earlier will come; NONE: nothing known */
  gboolean eos, flushing, gone, held;
  gboolean told;    /* that its caps are refused */
  gboolean crowded; /* the bus was told that texts get lost */
  gboolean beside;  /* texts came on the video's thread when both were last known */
  gboolean patient; /* the video may wait for this pad */
  /* A seek that does not flush, as of a loop, begins another round, and texts may be there sooner than frames, which were in flight: those wait
   * for the video's segment. */
  gboolean leaving;     /* its source is being sought, which its thread must not hold up */
  gboolean sought;      /* the next segment is of the next round, */
  gboolean begun;       /* in which the video is already */
  gboolean ahead;       /* texts are of a round that the video has not begun */
  gboolean live, asked; /* whether its source is live, and whether that is known */
  guint thread;         /* that texts come on; 0: not known */
};

void gst_vl_text_item_free (gpointer item);
/* Texts that are there, or @old, those that are not of the next round, are forgotten. Called with the lock. */
void gst_vl_text_pad_drop (GstVlTextPad *pad, gboolean old);

/* Whether texts come on the video's thread, as far as is known. After a flush nothing may be known of that one before its first frame,
 * which is behind texts then; so they do if they did before. Called with the lock. */
gboolean gst_vl_text_pad_is_beside (GstVlTextPad *pad);

/* The calling thread's number, from 1 on. No other thread ever has it, while a GThread may lie where one that has ended lay. */
guint gst_vl_thread_number (void);

G_END_DECLS
