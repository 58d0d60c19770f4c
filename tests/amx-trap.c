/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Semantics and encodings: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, LDTILECFG to TILEZERO. */
#include "tests/amx-trap.h"

#ifdef __x86_64__
#include <cpuid.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>
#include <xmmintrin.h>

#define TILES     8u
#define ROWS      16u
#define BYTES     64u
#define FLUSH_ALL 0x8040u /* of MXCSR: denormals are zeros, which tiles always do */

typedef struct {
  guint rows, bytes; /* 0: the tile cannot be used */
  guint8 data[ROWS][BYTES];
} Tile;

/* An instruction in three-byte VEX form: what distinguishes it, and its operands. */
typedef struct {
  guint prefix, opcode, mode; /* prefix 0: none, 2: f3, 3: f2; mode 3: registers only */
  guint reg, rm, vvvv;
  guintptr base; /* address without the index */
  gint64 stride; /* the index, scaled */
  gsize size;    /* of the instruction */
} Instruction;

static __thread Tile tiles[TILES];
static gint products;

gboolean
amx_is_there (void)
{
  guint a, b, c, d;

  return __get_cpuid_count (7, 0, &a, &b, &c, &d) && (d & 1u << 24);
}

guint
amx_trapped_products (void)
{
  return (guint) g_atomic_int_get (&products);
}

static gint64
read_register (const ucontext_t *context, guint number)
{
  static const int places[] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };

  return context->uc_mcontext.gregs[places[number]];
}

/* The operand in memory behind @modrm; @extend: the bits X and B of the prefix, as they are meant. */
static void
decode_address (const ucontext_t *context, const guint8 *modrm, guint extend, Instruction *to)
{
  const guint8 *at = modrm + 1;
  const guint rm = *modrm & 7;
  guint base = rm | (extend & 1) << 3;
  gint32 far;

  to->base = 0;
  to->stride = 0;
  if (rm == 4) {
    const guint index = (*at >> 3 & 7) | (extend & 2) << 2;

    base = (*at & 7) | (extend & 1) << 3;
    to->stride = index == 4 ? 0 : read_register (context, index) * (1 << (*at >> 6));
    at++;
  }
  if (to->mode == 0 && (base & 7) == 5) {
    memcpy (&far, at, sizeof far);
    at += sizeof far;
    to->base = (guintptr) (gint64) far + (rm == 5 ? (guintptr) at : 0);
  } else {
    to->base = (guintptr) read_register (context, base);
  }
  if (to->mode == 1)
    to->base += (guintptr) (gint64) (gint8) *at++;
  if (to->mode == 2) {
    memcpy (&far, at, sizeof far);
    at += sizeof far;
    to->base += (guintptr) (gint64) far;
  }
  to->size += (gsize) (at - modrm);
}

/* FALSE where there is nothing that could be of AMX. */
static gboolean
decode (const ucontext_t *context, Instruction *to)
{
  const guint8 *code = (const guint8 *) context->uc_mcontext.gregs[REG_RIP];

  if (code[0] != 0xc4 || (code[1] & 31) != 2 || code[2] & 0x84)
    return FALSE;
  to->prefix = code[2] & 3;
  to->vvvv = ~(code[2] >> 3) & 15;
  to->opcode = code[3];
  to->mode = code[4] >> 6;
  to->reg = code[4] >> 3 & 7;
  to->rm = code[4] & 7;
  to->size = 4;
  if (to->mode == 3)
    to->size++;
  else
    decode_address (context, code + 4, ~(guint) (code[1] >> 5) & 3, to);
  return TRUE;
}

static gboolean
load_shapes (const guint8 *from)
{
  for (guint i = 2; i < 16; i++) {
    if (from[i] != 0)
      return FALSE;
  }
  if (from[0] != 1 || from[1] != 0)
    return FALSE;
  memset (tiles, 0, sizeof tiles);
  for (guint t = 0; t < TILES; t++) {
    guint16 bytes;

    memcpy (&bytes, from + 16 + 2 * t, sizeof bytes);
    tiles[t].bytes = bytes;
    tiles[t].rows = from[48 + t];
    if (bytes > BYTES || tiles[t].rows > ROWS || !bytes != !tiles[t].rows)
      return FALSE;
  }
  return TRUE;
}

static gboolean
load (Tile *tile, const Instruction *x)
{
  memset (tile->data, 0, sizeof tile->data);
  for (guint r = 0; r < tile->rows; r++)
    memcpy (tile->data[r], (const guint8 *) (x->base + (guintptr) (r * x->stride)), tile->bytes);
  return tile->rows > 0;
}

static gboolean
store (const Tile *tile, const Instruction *x)
{
  for (guint r = 0; r < tile->rows; r++)
    memcpy ((guint8 *) (x->base + (guintptr) (r * x->stride)), tile->data[r], tile->bytes);
  return tile->rows > 0;
}

static float
from_bf16 (guint16 x)
{
  const guint32 bits = (guint32) x << 16;
  float y;

  memcpy (&y, &bits, sizeof y);
  return y;
}

/* TDPBF16PS sums even and odd factors apart. */
static void
multiply_bf16 (const guint8 *a, guint pairs, const Tile *b, guint column, float *sum)
{
  float even = 0, odd = 0;

  for (guint k = 0; k < pairs; k++) {
    guint16 x[2], y[2];

    memcpy (x, a + 4 * k, sizeof x);
    memcpy (y, b->data[k] + 4 * column, sizeof y);
    even = __builtin_fmaf (from_bf16 (x[0]), from_bf16 (y[0]), even);
    odd = __builtin_fmaf (from_bf16 (x[1]), from_bf16 (y[1]), odd);
  }
  *sum += even + odd;
}

static void
multiply_bytes (const guint8 *a, guint fours, const Tile *b, guint column, gint32 *sum)
{
  for (guint k = 0; k < 4 * fours; k++)
    *sum += (gint8) a[k] * (gint8) b->data[k / 4][4 * column + k % 4];
}

/* c += a b */
static gboolean
multiply (Tile *c, const Tile *a, const Tile *b, gboolean bf16)
{
  if (c == a || c == b || a == b || !c->rows || !b->rows || a->rows != c->rows || b->bytes != c->bytes ||
      a->bytes != 4 * b->rows)
    return FALSE;
  for (guint r = 0; r < c->rows; r++) {
    for (guint n = 0; n < c->bytes / 4; n++) {
      gpointer sum = c->data[r] + 4 * n;

      if (bf16)
        multiply_bf16 (a->data[r], b->rows, b, n, sum);
      else
        multiply_bytes (a->data[r], b->rows, b, n, sum);
    }
  }
  g_atomic_int_inc (&products);
  return TRUE;
}

/* FALSE where a processor with AMX would refuse too. */
static gboolean
carry_out (const Instruction *x)
{
  const gboolean registers = x->mode == 3;

  switch (x->opcode << 4 | x->prefix) {
  case 0x490: /* ldtilecfg, tilerelease */
    if (registers)
      memset (tiles, 0, sizeof tiles);
    return registers ? x->reg == 0 && x->rm == 0 : x->reg == 0 && load_shapes ((const guint8 *) x->base);
  case 0x493: /* tilezero */
    memset (tiles[x->reg].data, 0, sizeof tiles[x->reg].data);
    return registers && x->rm == 0 && tiles[x->reg].rows > 0;
  case 0x4b3: return !registers && x->rm == 4 && load (&tiles[x->reg], x);  /* tileloadd */
  case 0x4b2: return !registers && x->rm == 4 && store (&tiles[x->reg], x); /* tilestored */
  case 0x5c2:                                                               /* tdpbf16ps */
  case 0x5e3:                                                               /* tdpbssd */
    return registers && x->vvvv < TILES && multiply (&tiles[x->reg], &tiles[x->rm], &tiles[x->vvvv], x->opcode == 0x5c);
  default: return FALSE;
  }
}

static void
on_illegal (int number, siginfo_t *info, gpointer user)
{
  ucontext_t *context = user;
  Instruction instruction = { 0 };

  (void) info;
  _mm_setcsr (_mm_getcsr () | FLUSH_ALL);
  if (decode (context, &instruction) && carry_out (&instruction))
    context->uc_mcontext.gregs[REG_RIP] += (greg_t) instruction.size;
  else
    signal (number, SIG_DFL); /* which the same instruction now meets */
}

gboolean
amx_trap (void)
{
  struct sigaction action = { .sa_sigaction = on_illegal, .sa_flags = SA_SIGINFO };

  return sigaction (SIGILL, &action, NULL) == 0;
}
#else
gboolean
amx_is_there (void)
{
  return FALSE;
}

gboolean
amx_trap (void)
{
  return FALSE;
}

guint
amx_trapped_products (void)
{
  return 0;
}
#endif
