/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Limits of control groups of both versions, read from folders made for this. */
#include <glib/gstdio.h>
#include "kernels/cgroup.h"
#include "tests/folder.h"

static gchar *root, *membership;

static void
put (const char *group, const char *name, const char *text)
{
  g_autofree gchar *folder = g_build_filename (root, group, NULL), *path = g_build_filename (folder, name, NULL);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static gsize
room_of_member (const char *lines)
{
  g_assert_true (g_file_set_contents (membership, lines, -1, NULL));
  return vlf_cgroup_room (membership, root);
}

static void
test_none (void)
{
  g_assert_true (vlf_cgroup_room ("/nonexistent", root) == G_MAXSIZE);
  g_assert_true (room_of_member ("") == G_MAXSIZE);
  g_assert_true (room_of_member ("4:memory:/a/b\n1:cpu:/\n") == G_MAXSIZE);
  g_assert_true (room_of_member ("0::/not/there\n") == G_MAXSIZE);
}

static void
test_limits (void)
{
  put ("a/b", "memory.max", "max\n");
  put ("a/b", "memory.current", "5000\n");
  g_assert_true (room_of_member ("0::/a/b\n") == G_MAXSIZE);
  put ("a/b", "memory.max", "8000\n");
  g_assert_cmpuint (room_of_member ("1:cpu:/x\n0::/a/b\n"), ==, 3000);
  put ("a/b", "memory.stat", "anon 10\ninactive_file 700\nactive_file 300\nslab 9\n");
  g_assert_cmpuint (room_of_member ("0::/a/b\n"), ==, 4000);
  g_assert_cmpuint (room_of_member ("0::/a/b/not-there\n"), ==, 4000);
}

/* The tightest of all groups above counts, and one that is over its limit leaves nothing. */
static void
test_above (void)
{
  put ("a", "memory.max", "9000\n");
  put ("a", "memory.current", "8900\n");
  g_assert_cmpuint (room_of_member ("0::/a/b\n"), ==, 100);
  put ("a", "memory.current", "9500\n");
  g_assert_cmpuint (room_of_member ("0::/a/b\n"), ==, 0);
  put (".", "memory.max", "70\n");
  put (".", "memory.current", "20\n");
  put ("a", "memory.max", "max\n");
  g_assert_cmpuint (room_of_member ("0::/a/b\n"), ==, 50);
  g_assert_cmpuint (room_of_member ("0::/\n"), ==, 50);
  g_assert_cmpuint (room_of_member ("0::/../../elsewhere\n"), ==, 50);
}

/* Version 1 says "no limit" by a number; its own group may not be mounted here, as in containers, but the one above is. */
static void
test_version_1 (void)
{
  put ("memory/v/w", "memory.limit_in_bytes", "9223372036854771712\n");
  put ("memory/v/w", "memory.usage_in_bytes", "5000\n");
  g_assert_cmpuint (room_of_member ("4:memory:/v/w\n"), ==, MIN (9223372036854771712u - 5000, G_MAXSIZE));
  put ("memory/v/w", "memory.limit_in_bytes", "8000\n");
  g_assert_cmpuint (room_of_member ("9:cpu:/v\n4:hugetlb,memory:/v/w\n"), ==, 3000);
  put ("memory/v/w", "memory.stat", "inactive_file 7\ntotal_inactive_file 700\ntotal_active_file 300\ntotal_rss 9\n");
  g_assert_cmpuint (room_of_member ("4:memory:/v/w\n"), ==, 4000);
  g_assert_cmpuint (room_of_member ("4:memory:/v/w/elsewhere\n"), ==, 4000);
  put ("memory", "memory.limit_in_bytes", "600\n");
  put ("memory", "memory.usage_in_bytes", "100\n");
  g_assert_cmpuint (room_of_member ("4:memory:/docker/0123\n0::/not/there\n"), ==, 50); /* version 2's root has 50 */
  put (".", "memory.max", "max\n");
  g_assert_cmpuint (room_of_member ("4:memory:/docker/0123\n0::/\n"), ==, 500);
  g_assert_true (room_of_member ("4:memoryless:/v/w\nmemory\n4:memory\n4:memory:v\n") == G_MAXSIZE);
}

int
main (int argc, char **argv)
{
  int rc;

  g_test_init (&argc, &argv, NULL);
  root = folder_new ();
  membership = g_build_filename (root, "membership", NULL);
  g_test_add_func ("/cgroup/none", test_none);
  g_test_add_func ("/cgroup/limits", test_limits);
  g_test_add_func ("/cgroup/above", test_above);
  g_test_add_func ("/cgroup/version-1", test_version_1);
  rc = g_test_run ();
  g_free (membership);
  folder_remove (root);
  return rc;
}
