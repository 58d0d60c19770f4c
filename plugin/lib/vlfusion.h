/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_VLFUSION_H__
#define __GST_VLFUSION_H__

#include "gstvlresult.h"
#include "gstvlmeta.h"
#include "gstvltextmeta.h"

#endif /* __GST_VLFUSION_H__ */
