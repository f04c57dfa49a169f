// SPDX-License-Identifier: GPL-2.0-only
/*
 * Coverage of modules on any kernel: modules built with -fprofile-arcs count in
 * their own data, and tell the symbols of this module where. The kernel need not
 * have CONFIG_GCOV_KERNEL, and runs no constructors without CONFIG_CONSTRUCTORS:
 * the counters are found by their symbols when a module comes, and saved when it
 * goes. /proc/netlink_vmtest_coverage has what was counted so far, as gcov's
 * data files (gcc/gcov-io.h): for each "u32 length of the name, u32 length of the
 * data, name, data".
 */
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#ifndef CONFIG_KALLSYMS
#error "coverage needs CONFIG_KALLSYMS"
#endif

/* gcc's structures: gcc/coverage.c, libgcc/libgcov.h; GCOV_COUNTERS by gcc/gcov-counter.def. */
#if __GNUC__ >= 14
#define COUNTERS 9
#elif __GNUC__ >= 10
#define COUNTERS 8
#else
#error "coverage needs gcc 10 or newer"
#endif

#define DATA_MAGIC 0x67636461U
#define TAG_FUNCTION 0x01000000U
#define FUNCTION_WORDS 3
#define TAG_ARCS 0x01a10000U
/* Lengths are in words up to gcc 11, and in bytes since 12. */
#if __GNUC__ >= 12
#define UNIT 4
#define HEADER_WORDS 4
#else
#define UNIT 1
#define HEADER_WORDS 3
#endif
/* Of a function before its counters. */
#define RECORD_WORDS (2 + FUNCTION_WORDS + 2)

struct counters {
	unsigned int num;
	s64 *values;
};

struct object;

struct function {
	const struct object *key;
	unsigned int ident;
	unsigned int lineno_checksum;
	unsigned int cfg_checksum;
	/* Of arcs, the first kind; the only one that -fprofile-arcs has. */
	struct counters arcs;
};

struct object {
	unsigned int version;
	struct object *next;
	unsigned int stamp;
#if __GNUC__ >= 12
	unsigned int checksum;
#endif
	const char *filename;
	void (*merge[COUNTERS])(s64 *values, unsigned int num);
	unsigned int n_functions;
	struct function **functions;
};

/* An object of a module that is loaded, or the counters of one that has gone. */
struct counted {
	struct list_head list;
	struct module *module;
	const struct object *object;
	/* Its data file's name, and what is in it when it has gone. */
	char *name;
	u8 *saved;
	size_t size;
};

static LIST_HEAD(all);
static DEFINE_MUTEX(lock);

/* Called by constructors, where the kernel runs them; a kernel with gcov has its own. */
#ifndef CONFIG_GCOV_KERNEL
void __gcov_init(struct object *object);
void __gcov_exit(void);
void __gcov_merge_add(s64 *values, unsigned int num);

void __gcov_init(struct object *object)
{
}
EXPORT_SYMBOL(__gcov_init);

void __gcov_exit(void)
{
}
EXPORT_SYMBOL(__gcov_exit);

void __gcov_merge_add(s64 *values, unsigned int num)
{
}
EXPORT_SYMBOL(__gcov_merge_add);
#endif

static u8 *put(u8 *to, u32 word)
{
	if (to)
		memcpy(to, &word, sizeof(word));
	return to ? to + sizeof(word) : NULL;
}

/* Another copy of the function, in another object, may have been linked. */
static bool is_of(const struct function *function, const struct object *object)
{
	return function && function->key == object;
}

/* Writes a data file, or computes its size. */
static size_t write_data(const struct object *object, u8 *to)
{
	size_t words = HEADER_WORDS;
	unsigned int i;

	to = put(to, DATA_MAGIC);
	to = put(to, object->version);
	to = put(to, object->stamp);
#if __GNUC__ >= 12
	to = put(to, object->checksum);
#endif
	for (i = 0; i < object->n_functions; i++) {
		const struct function *function = object->functions[i];
		unsigned int num;

		if (!is_of(function, object))
			continue;
		num = function->arcs.num;
		to = put(to, TAG_FUNCTION);
		to = put(to, FUNCTION_WORDS * UNIT);
		to = put(to, function->ident);
		to = put(to, function->lineno_checksum);
		to = put(to, function->cfg_checksum);
		to = put(to, TAG_ARCS);
		to = put(to, num * 2 * UNIT);
		if (to) {
			memcpy(to, function->arcs.values, num * sizeof(s64));
			to += num * sizeof(s64);
		}
		words += RECORD_WORDS + num * 2;
	}
	return words * sizeof(u32);
}

/* Adds counters to those of a data file of the same object. */
static void add_data(const struct object *object, u8 *to)
{
	unsigned int i, j;

	to += HEADER_WORDS * sizeof(u32);
	for (i = 0; i < object->n_functions; i++) {
		const struct function *function = object->functions[i];

		if (!is_of(function, object))
			continue;
		to += RECORD_WORDS * sizeof(u32);
		for (j = 0; j < function->arcs.num; j++, to += sizeof(s64)) {
			s64 sum;

			memcpy(&sum, to, sizeof(sum));
			sum += function->arcs.values[j];
			memcpy(to, &sum, sizeof(sum));
		}
	}
}

/* What an earlier load of the same object has left: one that comes and goes does not take more and more. */
static struct counted *earlier(const struct counted *counted, size_t size)
{
	struct counted *other;

	list_for_each_entry(other, &all, list)
		if (!other->object && other->size == size && !strcmp(other->name, counted->name) &&
		    !memcmp(other->saved + 2 * sizeof(u32), &counted->object->stamp, sizeof(u32)))
			return other;
	return NULL;
}

static void forget(struct counted *counted)
{
	list_del(&counted->list);
	kfree(counted->name);
	kfree(counted);
}

static int save(struct counted *counted)
{
	size_t size = write_data(counted->object, NULL);
	struct counted *other = earlier(counted, size);
	u8 *saved;

	if (other) {
		add_data(counted->object, other->saved);
		forget(counted);
		return 0;
	}
	saved = vmalloc(size);

	if (!saved)
		return -ENOMEM;
	write_data(counted->object, saved);
	counted->saved = saved;
	counted->size = size;
	counted->module = NULL;
	counted->object = NULL;
	return 0;
}

/* The object of a function's counters, which have a symbol of their own. */
static const struct object *object_of(const Elf_Sym *symbol, const char *name)
{
	const struct function *function;

	if (strncmp(name, "__gcov_.", 8))
		return NULL;
	function = (const struct function *)symbol->st_value;
	return function->key;
}

static bool is_known(const struct object *object)
{
	const struct counted *counted;

	list_for_each_entry(counted, &all, list)
		if (counted->object == object)
			return true;
	return false;
}

/* While a module comes it has all symbols of its file. */
static void find_objects(struct module *module)
{
	const struct mod_kallsyms *symbols = rcu_dereference_raw(module->kallsyms);
	unsigned int i;

	if (!symbols)
		return;
	for (i = 1; i < symbols->num_symtab; i++) {
		const Elf_Sym *symbol = &symbols->symtab[i];
		const struct object *object =
			object_of(symbol, symbols->strtab + symbol->st_name);
		struct counted *counted;

		if (!object || is_known(object))
			continue;
		counted = kzalloc(sizeof(*counted), GFP_KERNEL);
		if (!counted)
			return;
		counted->name = kstrdup(object->filename, GFP_KERNEL);
		if (!counted->name) {
			kfree(counted);
			return;
		}
		counted->module = module;
		counted->object = object;
		list_add_tail(&counted->list, &all);
	}
}

static void save_objects(struct module *module)
{
	struct counted *counted, *next;

	list_for_each_entry_safe(counted, next, &all, list) {
		if (counted->module != module || !save(counted))
			continue;
		pr_err("%s: no memory to save the coverage\n", module->name);
		forget(counted);
	}
}

static int on_module(struct notifier_block *block, unsigned long state, void *data)
{
	mutex_lock(&lock);
	if (state == MODULE_STATE_COMING)
		find_objects(data);
	else if (state == MODULE_STATE_GOING)
		save_objects(data);
	mutex_unlock(&lock);
	return NOTIFY_OK;
}

static struct notifier_block notifier = { .notifier_call = on_module };

/* All data files, one after the other. */
struct snapshot {
	size_t size;
	u8 data[];
};

static size_t size_of(const struct counted *counted)
{
	if (counted->object)
		return write_data(counted->object, NULL);
	return counted->size;
}

static int coverage_open(struct inode *inode, struct file *file)
{
	struct snapshot *snapshot;
	struct counted *counted;
	size_t size = 0;
	u8 *to;

	mutex_lock(&lock);
	list_for_each_entry(counted, &all, list)
		size += 2 * sizeof(u32) + strlen(counted->name) + size_of(counted);
	snapshot = vmalloc(sizeof(*snapshot) + size);
	if (!snapshot) {
		mutex_unlock(&lock);
		return -ENOMEM;
	}
	snapshot->size = size;
	to = snapshot->data;
	list_for_each_entry(counted, &all, list) {
		size_t named = strlen(counted->name);
		size_t length = size_of(counted);

		to = put(to, named);
		to = put(to, length);
		memcpy(to, counted->name, named);
		to += named;
		if (counted->object)
			write_data(counted->object, to);
		else if (length)
			memcpy(to, counted->saved, length);
		to += length;
	}
	mutex_unlock(&lock);
	file->private_data = snapshot;
	return 0;
}

static ssize_t coverage_read(struct file *file, char __user *to, size_t count, loff_t *position)
{
	const struct snapshot *snapshot = file->private_data;

	return simple_read_from_buffer(to, count, position, snapshot->data, snapshot->size);
}

/* Any write: another test file begins, and what gone modules have counted belongs to the one before. */
static ssize_t coverage_write(struct file *file, const char __user *from, size_t count, loff_t *position)
{
	struct counted *counted, *next;

	mutex_lock(&lock);
	list_for_each_entry_safe(counted, next, &all, list) {
		if (counted->object)
			continue;
		vfree(counted->saved);
		forget(counted);
	}
	mutex_unlock(&lock);
	return count;
}

static int coverage_release(struct inode *inode, struct file *file)
{
	vfree(file->private_data);
	return 0;
}

static const struct proc_ops operations = {
	.proc_open = coverage_open,
	.proc_read = coverage_read,
	.proc_write = coverage_write,
	.proc_lseek = default_llseek,
	.proc_release = coverage_release,
};

static int __init coverage_init(void)
{
	if (!proc_create("netlink_vmtest_coverage", 0600, NULL, &operations))
		return -ENOMEM;
	return register_module_notifier(&notifier);
}

module_init(coverage_init);

/* No exit: what was counted stays until the guest ends. */
MODULE_DESCRIPTION("Coverage of modules under test");
MODULE_LICENSE("GPL");
