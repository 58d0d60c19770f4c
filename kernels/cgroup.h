/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: limits of memory that containers and services run under. */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

/* Bytes that a process may still take before one of the control groups (of version 2, of version 1, or of both) that it is in is full; what can
 * be dropped, the pages of files, counts as free. G_MAXSIZE without a limit, or where there are no such groups. @membership: /proc/self/cgroup;
 * @root: where the groups are mounted, /sys/fs/cgroup, those of version 1 in its folder memory. Source: the Linux kernel's
 * Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst. */
gsize vlf_cgroup_room (const char *membership, const char *root);

G_END_DECLS
