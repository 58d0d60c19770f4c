/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_VL_PRELUDE_H__
#define __GST_VL_PRELUDE_H__

#include <gst/gst.h>

#ifndef GST_VL_API
#ifdef BUILDING_GST_VL
#define GST_VL_API GST_API_EXPORT
#else
#define GST_VL_API GST_API_IMPORT
#endif
#endif

#endif /* __GST_VL_PRELUDE_H__ */
