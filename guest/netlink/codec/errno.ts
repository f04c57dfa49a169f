// SPDX-License-Identifier: MIT
/**
 * Names of the kernel's error numbers (include/uapi/asm-generic/errno-base.h, errno.h). The table of Node
 * (`os.constants.errno`) lacks some that netlink families use, ENOTUNIQ and EUCLEAN for instance.
 */

// one word for each number from 1 on; '-' for none
const names =
  `EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV
ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK
ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP - ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT
EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT - EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV
ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX
ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT
ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET
ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH
EALREADY EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY
EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL EHWPOISON`.split(/\s+/)

/** ENOTSUPP of include/linux/errno.h: not meant for user space, but some families return it. */
const ENOTSUPP = 524

/** The name of an error number (22: 'EINVAL'), or 'E' and the number where it has none. */
export function errnoName(errno: number): string {
  if (errno === ENOTSUPP) return 'ENOTSUPP'
  const name = names[errno - 1]
  return name === undefined || name === '-' ? `E${errno}` : name
}

/**
 * The number of an error name ('EINVAL': 22).
 * @throws RangeError for a name that is not in the kernel's table
 */
export function errnoNumber(name: string): number {
  if (name === 'ENOTSUPP') return ENOTSUPP
  const index = name === '-' ? -1 : names.indexOf(name)
  if (index === -1) throw new RangeError(`no error is named ${name}`)
  return index + 1
}
