/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every element of the plugin as it is installed: what gst-inspect-1.0 shows of it, and up and down through the states, with OpenCL and
 * without. VLF_TEST_MODEL names the model directory. */
#include <glib/gstdio.h>
#include <gst/check/gstcheck.h>
#include <string.h>

typedef void (*Visit) (GstElementFactory *factory);

static void
visit_elements (Visit visit)
{
  GList *features = gst_registry_get_feature_list_by_plugin (gst_registry_get (), "vlfusion");
  guint n = 0;

  for (GList *item = features; item; item = item->next) {
    GstPluginFeature *loaded = gst_plugin_feature_load (item->data);

    fail_unless (loaded != NULL);
    if (GST_IS_ELEMENT_FACTORY (loaded)) {
      visit (GST_ELEMENT_FACTORY (loaded));
      n++;
    }
    gst_object_unref (loaded);
  }
  gst_plugin_feature_list_free (features);
  fail_unless (n >= 4, "%u elements", n);
}

static GstElement *
create (GstElementFactory *factory)
{
  GstElement *element = gst_element_factory_create (factory, NULL);

  fail_unless (element != NULL);
  gst_object_ref_sink (element);
  if (g_object_class_find_property (G_OBJECT_GET_CLASS (element), "question"))
    g_object_set (element, "model", g_getenv ("VLF_TEST_CAPTIONER"), NULL);
  else if (g_object_class_find_property (G_OBJECT_GET_CLASS (element), "model"))
    g_object_set (element, "model", g_getenv ("VLF_TEST_MODEL"), NULL);
  return element;
}

static gboolean
opencl_is_loaded (void)
{
  g_autofree gchar *maps = NULL;

  fail_unless (g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL));
  return strstr (maps, "libOpenCL") != NULL;
}

static void
expect_text (GstElementFactory *factory, const gchar *key, gsize least)
{
  const gchar *text = gst_element_factory_get_metadata (factory, key);

  fail_unless (text && strlen (text) >= least, "%s: %s", GST_OBJECT_NAME (factory), key);
}

static void
inspect_property (GstElement *element, GParamSpec *spec)
{
  GValue value = G_VALUE_INIT;

  fail_unless (strlen (g_param_spec_get_nick (spec)) >= 3 && strlen (g_param_spec_get_blurb (spec)) >= 10,
               "%s::%s is not described", G_OBJECT_TYPE_NAME (element), spec->name);
  if (!(spec->flags & G_PARAM_READABLE))
    return;
  g_value_init (&value, spec->value_type);
  g_object_get_property (G_OBJECT (element), spec->name, &value);
  fail_if (g_param_value_validate (spec, &value), "%s::%s is out of its range", G_OBJECT_TYPE_NAME (element),
           spec->name);
  if (spec->flags & G_PARAM_WRITABLE && !GST_IS_PARAM_SPEC_ARRAY_LIST (spec)) {
    fail_unless (g_param_value_defaults (spec, &value), "%s::%s has another default than it says",
                 G_OBJECT_TYPE_NAME (element), spec->name);
    fail_unless (spec->flags & (GST_PARAM_MUTABLE_READY | GST_PARAM_MUTABLE_PAUSED | GST_PARAM_MUTABLE_PLAYING),
                 "%s::%s does not say when it may change", G_OBJECT_TYPE_NAME (element), spec->name);
  }
  if (G_IS_PARAM_SPEC_ENUM (spec)) {
    GEnumClass *values = G_PARAM_SPEC_ENUM (spec)->enum_class;

    for (guint i = 0; i < values->n_values; i++)
      fail_unless (strlen (values->values[i].value_name) > strlen (values->values[i].value_nick),
                   "%s::%s: %s is not explained", G_OBJECT_TYPE_NAME (element), spec->name,
                   values->values[i].value_nick);
  }
  g_value_unset (&value);
}

static void
inspect (GstElementFactory *factory)
{
  GstElement *element = gst_element_factory_create (factory, NULL);
  GParamSpec **specs;
  guint n;

  gst_object_ref_sink (element);
  expect_text (factory, GST_ELEMENT_METADATA_LONGNAME, 10);
  expect_text (factory, GST_ELEMENT_METADATA_KLASS, 6);
  expect_text (factory, GST_ELEMENT_METADATA_DESCRIPTION, 30);
  expect_text (factory, GST_ELEMENT_METADATA_AUTHOR, 5);
  fail_unless (gst_element_factory_get_num_pad_templates (factory) >= 1);
  specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (element), &n);
  for (guint i = 0; i < n; i++)
    if (g_type_is_a (specs[i]->owner_type, GST_TYPE_ELEMENT) &&
        g_str_has_prefix (g_type_name (specs[i]->owner_type), "GstVl"))
      inspect_property (element, specs[i]);
  g_free (specs);
  gst_object_unref (element);
}

/* Looking at the elements starts no device. */
GST_START_TEST (test_inspect)
{
  visit_elements (inspect);
  fail_if (opencl_is_loaded ());
}
GST_END_TEST

/* Neither the registry's scan, which is a process of its own, nor gst-inspect-1.0 so much as loads OpenCL; READY does. What is loaded
 * in its place (told.c) leaves a file. */
GST_START_TEST (test_registry)
{
  static const gchar *argv[] = { "gst-inspect-1.0", "vlfusion", NULL };
  g_autofree gchar *folder = g_dir_make_tmp ("vlf-registry-XXXXXX", NULL);
  g_autofree gchar *told = g_build_filename (folder, "told", NULL);
  g_autofree gchar *registry = g_build_filename (folder, "registry.bin", NULL);
  g_auto (GStrv) env = g_environ_setenv (g_get_environ (), "GST_REGISTRY_1_0", registry, TRUE);
  GstElement *element;
  gint status;

  g_setenv ("VLF_OPENCL_LIBRARY", g_getenv ("VLF_TEST_LOADER"), TRUE);
  g_setenv ("VLF_TEST_TOLD", told, TRUE);
  env = g_environ_setenv (env, "VLF_OPENCL_LIBRARY", g_getenv ("VLF_TEST_LOADER"), TRUE);
  env = g_environ_setenv (env, "VLF_TEST_TOLD", told, TRUE);
  env = g_environ_setenv (env, "GST_PLUGIN_SYSTEM_PATH_1_0", "", TRUE); /* ours alone */
  env = g_environ_setenv (env, "GST_TRACERS", "", TRUE);
  fail_unless (g_spawn_sync (NULL, (gchar **) argv, env, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL,
                             NULL, NULL, &status, NULL));
  fail_unless (g_spawn_check_wait_status (status, NULL) && g_file_test (registry, G_FILE_TEST_EXISTS));
  fail_if (g_file_test (told, G_FILE_TEST_EXISTS), "the registry's scan loads OpenCL");

  element = gst_element_factory_make ("vlfusion", NULL);
  fail_unless_equals_int (gst_element_set_state (element, GST_STATE_READY), GST_STATE_CHANGE_FAILURE);
  fail_unless (g_file_test (told, G_FILE_TEST_EXISTS), "the test does not notice OpenCL");
  gst_object_unref (element);
  g_unlink (told);
  g_unlink (registry);
  g_rmdir (folder);
}
GST_END_TEST

static const GstState walk[] = { GST_STATE_READY,   GST_STATE_PAUSED, GST_STATE_PLAYING, GST_STATE_PAUSED,
                                 GST_STATE_READY,   GST_STATE_PAUSED, GST_STATE_READY,   GST_STATE_NULL,
                                 GST_STATE_PLAYING, GST_STATE_NULL,   GST_STATE_NULL };

static void
up_and_down (GstElementFactory *factory)
{
  GstElement *element = create (factory);

  for (guint i = 0; i < G_N_ELEMENTS (walk); i++)
    fail_if (gst_element_set_state (element, walk[i]) == GST_STATE_CHANGE_FAILURE, "%s: to %s",
             GST_OBJECT_NAME (factory), gst_element_state_get_name (walk[i]));
  gst_object_unref (element);
}

GST_START_TEST (test_states)
{
  visit_elements (up_and_down);
}
GST_END_TEST

static guint
count_errors (GstBus *bus)
{
  GstMessage *message;
  guint n = 0;

  while ((message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR))) {
    gst_message_unref (message);
    n++;
  }
  return n;
}

/* What needs a device says so, once for each time that it is asked to start; the rest does not mind. */
static void
up_and_down_without (GstElementFactory *factory)
{
  GstElement *element = create (factory);
  gboolean needs = g_object_class_find_property (G_OBJECT_GET_CLASS (element), "device") != NULL;
  GstBus *bus = gst_bus_new ();

  gst_element_set_bus (element, bus);
  for (guint i = 0; i < G_N_ELEMENTS (walk); i++) {
    gboolean starts = GST_STATE (element) == GST_STATE_NULL && walk[i] > GST_STATE_NULL;
    gboolean failed = gst_element_set_state (element, walk[i]) == GST_STATE_CHANGE_FAILURE;

    fail_unless (failed == (needs && starts), "%s: to %s", GST_OBJECT_NAME (factory),
                 gst_element_state_get_name (walk[i]));
    fail_unless_equals_int (count_errors (bus), failed);
  }
  gst_element_set_bus (element, NULL);
  gst_object_unref (bus);
  gst_object_unref (element);
}

GST_START_TEST (test_states_without_opencl)
{
  g_setenv ("OCL_ICD_VENDORS", "/nonexistent", TRUE);
  visit_elements (up_and_down_without);
}
GST_END_TEST

static Suite *
elements_suite (void)
{
  Suite *s = suite_create ("elements");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_inspect);
  tcase_add_test (tc, test_registry);
  tcase_add_test (tc, test_states);
  tcase_add_test (tc, test_states_without_opencl);
  return s;
}

GST_CHECK_MAIN (elements)
