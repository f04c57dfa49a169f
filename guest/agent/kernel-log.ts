import fs from 'node:fs'
import type { Port } from './port.ts'

/**
 * Sends every record of the kernel log as it comes, from the oldest that is still there, as /dev/kmsg gives it
 * (Documentation/ABI/testing/dev-kmsg): "priority,sequence,microseconds,flags;text\n", a record a read.
 * A reader that is overtaken gets EPIPE once and goes on with the oldest record left: the sequence numbers show the gap.
 */
export function forwardKernelLog(port: Port): void {
  const fd = fs.openSync('/dev/kmsg', 'r')
  const buffer = Buffer.allocUnsafeSlow(8192)
  const next = () =>
    fs.read(fd, buffer, 0, buffer.length, null, (error, count) => {
      if (error && error.code !== 'EPIPE') throw error
      if (!error) port.sendBytes(Buffer.from(buffer.subarray(0, count)))
      next()
    })
  next()
}
