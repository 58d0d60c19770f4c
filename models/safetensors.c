/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/safetensors.h"
#include "kernels/size.h"
#include "models/file.h"
#include "models/safetensors_header.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SINGLE    "model.safetensors"
#define INDEX     "model.safetensors.index.json"
#define PICKLED   "pytorch_model.bin"
#define MAX_FILES 256 /* each keeps a descriptor */

typedef struct {
  gchar *name; /* in its directory, or the path as it was given */
  int fd;
  struct stat status;
  gchar *header;
  gsize header_length;
  VlfJson *json; /* owns the tensors' names */
} File;

struct _VlfSafetensors {
  GArray *files;   /* File */
  GArray *tensors; /* VlfTensorInfo, by name */
};

static File *
file_nth (const VlfSafetensors *st, guint file)
{
  return &g_array_index (st->files, File, file);
}

static void
file_clear (gpointer data)
{
  File *file = data;

  if (file->fd >= 0)
    close (file->fd);
  vlf_json_free (file->json);
  g_free (file->header);
  g_free (file->name);
}

static VlfSafetensors *
safetensors_new (void)
{
  VlfSafetensors *st = g_new0 (VlfSafetensors, 1);

  st->files = g_array_new (FALSE, TRUE, sizeof (File));
  g_array_set_clear_func (st->files, file_clear);
  st->tensors = g_array_new (FALSE, TRUE, sizeof (VlfTensorInfo));
  return st;
}

void
vlf_safetensors_free (VlfSafetensors *st)
{
  if (!st)
    return;
  g_array_unref (st->tensors);
  g_array_unref (st->files);
  g_free (st);
}

/* --- one file --- */

static gboolean
read_header (File *file, GError **error)
{
  guint64 size = (guint64) file->status.st_size, length;

  if (size < sizeof length) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
                 "%s: expected a safetensors file of at least 8 bytes, found %" G_GUINT64_FORMAT, file->name, size);
    return FALSE;
  }
  if (!vlf_file_read (file->fd, file->name, 0, sizeof length, &length, error))
    return FALSE;
  length = GUINT64_FROM_LE (length);
  if (length > VLF_SAFETENSORS_MAX_HEADER || length > size - sizeof length) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
                 "%s: expected a header of at most %" G_GUINT64_FORMAT " bytes, found %" G_GUINT64_FORMAT
                 " (cut short, or not a safetensors file)",
                 file->name, MIN (VLF_SAFETENSORS_MAX_HEADER, size - sizeof length), length);
    return FALSE;
  }
  file->header = g_try_malloc (length + 1);
  if (!file->header) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "%s: no memory for its header of %" G_GUINT64_FORMAT " bytes",
                 file->name, length);
    return FALSE;
  }
  file->header[length] = '\0';
  file->header_length = (gsize) length;
  return vlf_file_read (file->fd, file->name, sizeof length, file->header_length, file->header, error);
}

/* Opens @name and takes up its tensors. */
static gboolean
add_file (VlfSafetensors *st, int dir_fd, const char *name, GError **error)
{
  static const VlfJsonLimits limits = { .max_depth = 4, .max_values = VLF_SAFETENSORS_MAX_TENSORS * 16 };
  File new_file = { .name = g_strdup (name), .fd = -1 }, *file;
  gsize data_start;

  g_array_append_val (st->files, new_file);
  file = file_nth (st, st->files->len - 1);
  file->fd = vlf_file_open (dir_fd, name, &file->status, error);
  if (file->fd < 0 || !read_header (file, error))
    return FALSE;
  file->json = vlf_json_parse (file->header, file->header_length, &limits, error);
  if (!file->json) {
    g_prefix_error (error, "%s: header: ", name);
    return FALSE;
  }
  if (vlf_json_type (file->json) != VLF_JSON_OBJECT) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "%s: header: expected an object, found %s", name,
                 vlf_json_type_name (file->json));
    return FALSE;
  }
  data_start = sizeof (guint64) + file->header_length;
  return vlf_safetensors_parse_header (file->json, name, st->files->len - 1, data_start,
                                       (gsize) file->status.st_size - data_start, st->tensors, error) &&
         vlf_file_unchanged (file->fd, name, &file->status, error);
}

static int
compare_names (const void *a, const void *b)
{
  return strcmp (((const VlfTensorInfo *) a)->name, ((const VlfTensorInfo *) b)->name);
}

/* By name for lookups; a name that is in two files has no meaning. */
static gboolean
sort_tensors (VlfSafetensors *st, GError **error)
{
  if (st->tensors->len > 0)
    qsort (st->tensors->data, st->tensors->len, sizeof (VlfTensorInfo), compare_names);
  for (guint i = 1; i < st->tensors->len; i++) {
    const VlfTensorInfo *a = vlf_safetensors_nth (st, i - 1), *b = vlf_safetensors_nth (st, i);

    if (strcmp (a->name, b->name) == 0) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "tensor \"%s\": expected in one file, found in %s and %s",
                   a->name, file_nth (st, a->file)->name, file_nth (st, b->file)->name);
      return FALSE;
    }
  }
  return TRUE;
}

VlfSafetensors *
vlf_safetensors_open_file (const char *path, GError **error)
{
  VlfSafetensors *st = safetensors_new ();

  if (add_file (st, AT_FDCWD, path, error) && sort_tensors (st, error))
    return st;
  vlf_safetensors_free (st);
  return NULL;
}

/* --- shards --- */

/* [A-Za-z0-9._-]+\.safetensors: no folder, nothing outside the directory. */
static gboolean
is_shard_name (const VlfJson *value)
{
  gsize length;
  const char *name = vlf_json_string (value, &length);

  if (!name || length > 255 || length <= strlen (".safetensors") || !g_str_has_suffix (name, ".safetensors"))
    return FALSE;
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isalnum (name[i]) && !strchr ("._-", name[i] ? name[i] : '/'))
      return FALSE;
  return TRUE;
}

static int
compare_strings (const void *a, const void *b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* The files that @map names, each once, sorted; pointers into @map. NULL with @error set. */
static GPtrArray *
shard_names (const VlfJson *map, GError **error)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new (), names = g_ptr_array_new ();

  for (const VlfJson *entry = vlf_json_first (map); entry; entry = vlf_json_next (entry)) {
    if (!is_shard_name (entry)) {
      const char *found = vlf_json_string (entry, NULL);
      g_autofree gchar *escaped = found ? g_strescape (found, NULL) : g_strdup (vlf_json_type_name (entry));

      g_set_error (
          error, VLF_ERROR, VLF_ERROR_FORMAT,
          INDEX
          ": weight_map: expected names of .safetensors files in this directory (letters, digits, . _ -), found %s",
          escaped);
      return NULL;
    }
    g_ptr_array_add (all, (gpointer) vlf_json_string (entry, NULL));
  }
  if (all->len > 0)
    qsort (all->pdata, all->len, sizeof (gpointer), compare_strings);
  for (guint i = 0; i < all->len; i++)
    if (i == 0 || strcmp (all->pdata[i], all->pdata[i - 1]) != 0)
      g_ptr_array_add (names, all->pdata[i]);
  if (names->len == 0 || names->len > MAX_FILES) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, INDEX ": weight_map: expected 1 to %u files, found %u", MAX_FILES,
                 names->len);
    return NULL;
  }
  return g_steal_pointer (&names);
}

/* Every tensor that the index promises lies in the file where it says. */
static gboolean
check_map (const VlfSafetensors *st, const VlfJson *map, GError **error)
{
  for (const VlfJson *entry = vlf_json_first (map); entry; entry = vlf_json_next (entry)) {
    const VlfTensorInfo *info = vlf_safetensors_lookup (st, vlf_json_key (entry, NULL));

    g_autofree gchar *name = NULL;

    if (info && vlf_json_is (entry, file_nth (st, info->file)->name))
      continue;
    name = g_strescape (vlf_json_key (entry, NULL), NULL);
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, INDEX ": tensor \"%s\": expected in %s, found %s%s", name,
                 vlf_json_string (entry, NULL), info ? "in " : "in no file",
                 info ? file_nth (st, info->file)->name : "");
    return FALSE;
  }
  return TRUE;
}

static gboolean
add_shards (VlfSafetensors *st, int dir_fd, GError **error)
{
  g_autoptr (VlfJson) index = vlf_json_load (dir_fd, INDEX, VLF_JSON_CONFIG_BYTES, NULL, error);
  const VlfJson *map = vlf_json_get (index, "weight_map");
  g_autoptr (GPtrArray) names = NULL;

  if (!index)
    return FALSE;
  if (vlf_json_type (map) != VLF_JSON_OBJECT) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, INDEX ": weight_map: expected an object, found %s",
                 vlf_json_type_name (map));
    return FALSE;
  }
  names = shard_names (map, error);
  for (guint i = 0; names && i < names->len; i++)
    if (!add_file (st, dir_fd, names->pdata[i], error))
      return FALSE;
  return names && sort_tensors (st, error) && check_map (st, map, error);
}

static gboolean
add_dir (VlfSafetensors *st, int dir_fd, GError **error)
{
  if (vlf_file_exists (dir_fd, SINGLE))
    return add_file (st, dir_fd, SINGLE, error) && sort_tensors (st, error);
  if (vlf_file_exists (dir_fd, INDEX))
    return add_shards (st, dir_fd, error);
  if (vlf_file_exists (dir_fd, PICKLED) || vlf_file_exists (dir_fd, PICKLED ".index.json"))
    g_set_error (
        error, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
        "expected " SINGLE ", found only " PICKLED
        ", which is a program and is not run here. Either fetch the revision of "
        "the model that has safetensors (hf download NAME --revision refs/pr/N), or convert it: tools/convert DIR");
  else
    g_set_error (error, VLF_ERROR, VLF_ERROR_NOT_FOUND, "expected " SINGLE " or " INDEX ", found neither");
  return FALSE;
}

VlfSafetensors *
vlf_safetensors_open_dir (const char *dir, GError **error)
{
  int fd = vlf_dir_open (dir, error);
  VlfSafetensors *st;

  if (fd < 0)
    return NULL;
  st = safetensors_new ();
  if (!add_dir (st, fd, error)) {
    g_prefix_error (error, "%s: ", dir);
    vlf_safetensors_free (st);
    st = NULL;
  }
  close (fd);
  return st;
}

VlfSafetensors *
vlf_safetensors_open (const char *path, GError **error)
{
  return g_file_test (path, G_FILE_TEST_IS_DIR) ? vlf_safetensors_open_dir (path, error)
                                                : vlf_safetensors_open_file (path, error);
}

/* --- reading --- */

guint
vlf_safetensors_size (const VlfSafetensors *st)
{
  return st->tensors->len;
}

const VlfTensorInfo *
vlf_safetensors_nth (const VlfSafetensors *st, guint n)
{
  return &g_array_index (st->tensors, VlfTensorInfo, n);
}

const VlfTensorInfo *
vlf_safetensors_lookup (const VlfSafetensors *st, const char *name)
{
  VlfTensorInfo wanted = { .name = name };

  if (st->tensors->len == 0)
    return NULL;
  return bsearch (&wanted, st->tensors->data, st->tensors->len, sizeof wanted, compare_names);
}

const char *
vlf_safetensors_metadata (const VlfSafetensors *st, const char *key)
{
  const char *value = NULL;

  for (guint i = 0; i < st->files->len && !value; i++)
    value = vlf_json_string (vlf_json_get (vlf_json_get (file_nth (st, i)->json, "__metadata__"), key), NULL);
  return value;
}

gboolean
vlf_tensor_dtype (const VlfTensorInfo *info, VlfDType *type)
{
  switch (info->type) {
  case VLF_TENSOR_F32: *type = VLF_F32; return TRUE;
  case VLF_TENSOR_F16: *type = VLF_F16; return TRUE;
  case VLF_TENSOR_BF16: *type = VLF_BF16; return TRUE;
  default: return FALSE;
  }
}

gchar *
vlf_tensor_shape_string (const VlfTensorInfo *info)
{
  GString *text = g_string_new ("[");

  for (guint i = 0; i < info->rank; i++)
    g_string_append_printf (text, "%s%" G_GUINT64_FORMAT, i ? ", " : "", info->shape[i]);
  g_string_append_c (text, ']');
  return g_string_free (text, FALSE);
}

gboolean
vlf_safetensors_read (const VlfSafetensors *st, const VlfTensorInfo *info, gsize first_byte, gsize n_bytes, gpointer to,
                      GError **error)
{
  const File *file = file_nth (st, info->file);
  gsize end;

  if (!vlf_size_add (first_byte, n_bytes, &end) || end > info->bytes) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                 "%s: tensor \"%s\": expected a read within %" G_GSIZE_FORMAT " bytes, found %" G_GSIZE_FORMAT
                 " from byte %" G_GSIZE_FORMAT,
                 file->name, info->name, info->bytes, n_bytes, first_byte);
    return FALSE;
  }
  return vlf_file_read (file->fd, file->name, info->offset + first_byte, n_bytes, to, error) &&
         vlf_file_unchanged (file->fd, file->name, &file->status, error);
}

guint
vlf_safetensors_n_files (const VlfSafetensors *st)
{
  return st->files->len;
}

const char *
vlf_safetensors_file_name (const VlfSafetensors *st, guint file)
{
  return file_nth (st, file)->name;
}

const char *
vlf_safetensors_header (const VlfSafetensors *st, guint file, gsize *length)
{
  if (length)
    *length = file_nth (st, file)->header_length;
  return file_nth (st, file)->header;
}
