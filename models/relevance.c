/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/relevance.h"

/* What of a state an attention leaves as it was. */
#define KEPT 0.5f

VlfTensor
vlf_self_looks (VlfPass *pass, const VlfMultiHead *mh, VlfTensor x, const VlfTensor *key_bias)
{
  const guint d = x.cols, scope = vlf_pass_open (pass);
  VlfTensor qk = vlf_linear_part (pass, x, mh->qkv, 0, 2 * d);
  VlfTensor maps = vlf_pass_alloc (pass, x.batch * mh->heads, x.rows, x.rows);
  VlfAttention options = { .key_bias = key_bias, .maps = &maps };

  vlf_attention (pass, vlf_cols (qk, 0, d), vlf_cols (qk, d, d), vlf_cols (qk, d, d), mh->heads, &options);
  return vlf_pass_close (pass, scope, vlf_mean_heads (pass, maps, mh->heads));
}

/* What rows @x of a product come to by one layer's self-attention @a: x (KEPT + (1 - KEPT) a); where there is none, @x. */
static VlfTensor
through_self (VlfPass *pass, VlfTensor x, VlfTensor a)
{
  if (!a.buffer)
    return x;
  return vlf_mix (pass, x, KEPT, vlf_product (pass, x, a), 1 - KEPT);
}

/* One layer in front of those that @text [b, tokens, tokens] and @image [b, tokens, P] stand for; @image is empty where nothing of the image
 * stream was read behind it. */
static void
through_layer (VlfPass *pass, const VlfLooks *layer, VlfTensor *text, VlfTensor *image)
{
  VlfTensor from_text = vlf_product (pass, *text, layer->text_cross);
  VlfTensor before = vlf_mix (pass, through_self (pass, *text, layer->text_self), KEPT, *text, 0);

  if (!image->buffer) {
    *image = vlf_mix (pass, from_text, 1 - KEPT, from_text, 0);
  } else if (!layer->image_cross.buffer) {
    *image = vlf_mix (pass, from_text, 1 - KEPT, *image, 1);
  } else {
    before = vlf_mix (pass, before, 1, vlf_product (pass, *image, layer->image_cross), 1 - KEPT);
    *image = vlf_mix (pass, from_text, 1 - KEPT, through_self (pass, *image, layer->image_self), KEPT);
  }
  *text = before;
}

VlfTensor
vlf_rollout (VlfPass *pass, const VlfLooks *layers, guint n)
{
  const guint tokens = layers[n - 1].text_cross.rows;
  g_autofree float *identity = g_new0 (float, MAX ((gsize) tokens * tokens, 1));
  VlfTensor text, image = { 0 };

  for (guint i = 0; i < tokens; i++)
    identity[(gsize) i * tokens + i] = 1;
  text = vlf_pass_failed (pass) ? (VlfTensor){ 0 } : vlf_input (pass, identity, 1, tokens, tokens);
  for (guint i = n; i-- > 0;)
    through_layer (pass, &layers[i], &text, &image);
  return image;
}
