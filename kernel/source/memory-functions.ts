// SPDX-License-Identifier: MIT
import { readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'

/** What every C file of the kernel and its modules includes first (Makefile, c_flags). */
const header = 'include/linux/compiler_types.h'

/**
 * Lets KASAN see what memcpy, memmove and memset read and write, which the compiler calls as the prefixed functions
 * from gcc 13 on. With an older one the kernel from 6.3 on checks none of it (mm/kasan/shadow.c:
 * CC_HAS_KASAN_MEMINTRINSIC_PREFIX, GENERIC_ENTRY): nla_put() of too many bytes is not seen.
 */
export const checkedMemoryFunctions = `
#if defined(__KERNEL__) && defined(__SANITIZE_ADDRESS__) && !defined(__ASSEMBLY__) && \\
	!defined(CONFIG_CC_HAS_KASAN_MEMINTRINSIC_PREFIX)
extern void *memcpy(void *, const void *, __SIZE_TYPE__) __asm__("__asan_memcpy");
extern void *memmove(void *, const void *, __SIZE_TYPE__) __asm__("__asan_memmove");
extern void *memset(void *, int, __SIZE_TYPE__) __asm__("__asan_memset");
#endif
`

/** Adds {@link checkedMemoryFunctions} to a kernel tree, once. */
export async function checkMemoryFunctions(tree: string): Promise<void> {
  const file = path.join(tree, header)
  const text = await readFile(file, 'utf8')
  if (text.endsWith(checkedMemoryFunctions)) return
  await writeFile(`${file}.new`, text + checkedMemoryFunctions)
  await rename(`${file}.new`, file)
}
