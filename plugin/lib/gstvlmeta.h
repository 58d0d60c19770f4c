/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_VL_META_H__
#define __GST_VL_META_H__

#include "gstvlresult.h"

G_BEGIN_DECLS

#define GST_TYPE_VL_KIND     (gst_vl_kind_get_type ())
#define GST_VL_META_API_TYPE (gst_vl_meta_api_get_type ())
#define GST_VL_META_INFO     (gst_vl_meta_get_info ())

/**
 * GstVlKind:
 * @GST_VL_KIND_FUSION: how prompts match the frame, and where their words looked
 * @GST_VL_KIND_CAPTION: text made from the frame: captions, answers to questions
 *
 * What a result is about.
 *
 * Since: 0.1
 */
typedef enum { GST_VL_KIND_FUSION, GST_VL_KIND_CAPTION } GstVlKind;

typedef struct _GstVlMeta GstVlMeta;

/**
 * GstVlMeta:
 * @meta: parent
 * @result: the result, immutable, shared with every buffer that carries it; owned by the meta
 * @producer: name of the element that made the result; owned by the meta
 * @kind: what the result is about
 * @region_x: left edge of the rectangle that the result's grid covers, pixels of this buffer's frame; may lie outside
 *   of it
 * @region_y: top edge, pixels
 * @region_width: width, pixels
 * @region_height: height, pixels
 * @frame_width: width of the frame that the region refers to, pixels
 * @frame_height: height, pixels
 * @age: stream time between the frame that the result was computed from and this one, nanoseconds; 0: its own;
 *   GST_CLOCK_TIME_NONE: not known
 * @carried: TRUE if the result is an earlier frame's
 *
 * One result on one buffer; a buffer may have several, told apart by producer and kind. Follows the frame through
 * scaling (@region_x to @frame_height are adjusted, with the borders that videoscale adds by default when the display
 * aspect ratio changes; with add-borders=false the display aspect ratio must stay), conversion, and encoding to JPEG and
 * back; an element that crops, adds borders or turns the picture (videocrop, videobox, videoflip), or does something
 * unknown to it, drops it: let it come before the one that makes results. Read-only but for who attached it to a writable buffer.
 *
 * Since: 0.1
 */
struct _GstVlMeta {
  GstMeta meta;

  GstVlResult *result;
  gchar *producer;
  GstVlKind kind;
  gdouble region_x, region_y, region_width, region_height;
  guint frame_width, frame_height;
  GstClockTime age;
  gboolean carried;

  /*< private >*/
  gpointer _gst_reserved[GST_PADDING];
};

GST_VL_API
GType gst_vl_kind_get_type (void);

GST_VL_API
GType gst_vl_meta_api_get_type (void);

GST_VL_API
const GstMetaInfo *gst_vl_meta_get_info (void);

/**
 * gst_buffer_add_vl_meta:
 * @buffer: a writable #GstBuffer
 * @result: (transfer none): the result, which is immutable from now on
 * @producer: name of the element that made it
 * @kind: what it is about
 *
 * Attaches @result, as this frame's own: age 0, region and frame size those of the result.
 *
 * Returns: (transfer none): the new meta, owned by @buffer
 *
 * Since: 0.1
 */
GST_VL_API
GstVlMeta *gst_buffer_add_vl_meta (GstBuffer *buffer, GstVlResult *result, const gchar *producer, GstVlKind kind);

/**
 * gst_buffer_get_vl_meta:
 * @buffer: a #GstBuffer
 * @producer: (nullable): name of the element that made the result; %NULL: any
 * @kind: what the result is about
 *
 * Returns: (transfer none) (nullable): the newest such meta of @buffer
 *
 * Since: 0.1
 */
GST_VL_API
GstVlMeta *gst_buffer_get_vl_meta (GstBuffer *buffer, const gchar *producer, GstVlKind kind);

/**
 * gst_buffer_iterate_vl_meta: (skip)
 * @buffer: a #GstBuffer
 * @state: (inout): %NULL before the first call
 *
 * Goes through the metas in the order in which they were attached.
 *
 * Returns: (transfer none) (nullable): the next one
 *
 * Since: 0.1
 */
GST_VL_API
GstVlMeta *gst_buffer_iterate_vl_meta (GstBuffer *buffer, gpointer *state);

/**
 * gst_buffer_get_nth_vl_meta:
 * @buffer: a #GstBuffer
 * @n: from 0, in the order in which the metas were attached
 *
 * For bindings, which cannot iterate.
 *
 * Returns: (transfer none) (nullable): that meta; %NULL behind the last
 *
 * Since: 0.1
 */
GST_VL_API
GstVlMeta *gst_buffer_get_nth_vl_meta (GstBuffer *buffer, guint n);

/**
 * gst_buffer_remove_vl_meta:
 * @buffer: a writable #GstBuffer
 * @producer: (nullable): name of the element that made the results; %NULL: any
 *
 * Removes the metas of @producer.
 *
 * Returns: how many there were
 *
 * Since: 0.1
 */
GST_VL_API
guint gst_buffer_remove_vl_meta (GstBuffer *buffer, const gchar *producer);

/**
 * gst_vl_meta_set_carried:
 * @meta: a meta of a writable buffer
 * @age: stream time between the frame that the result was computed from and this one, nanoseconds, or
 *   %GST_CLOCK_TIME_NONE
 *
 * Says that the result is an earlier frame's.
 *
 * Since: 0.1
 */
GST_VL_API
void gst_vl_meta_set_carried (GstVlMeta *meta, GstClockTime age);

/**
 * gst_vl_meta_get_peak:
 * @meta: a meta
 * @prompt: index of the prompt
 * @x: (out) (optional): pixels from the left edge of the buffer's frame
 * @y: (out) (optional): pixels from its top edge
 *
 * Where the prompt's map is largest, as gst_vl_result_get_peak(), in the frame of this buffer.
 *
 * Returns: %FALSE if there is no map; the position is then NaN
 *
 * Since: 0.1
 */
GST_VL_API
gboolean gst_vl_meta_get_peak (const GstVlMeta *meta, guint prompt, gdouble *x, gdouble *y);

G_END_DECLS

#endif /* __GST_VL_META_H__ */
