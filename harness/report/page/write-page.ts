// SPDX-License-Identifier: MIT
import { messageOf } from '../../base/errors.ts'
import { writeReport } from '../files.ts'
import { pageAssets } from './assets.ts'
import { page } from './page.ts'
import type { PageData } from './page-data.ts'

/** Writes the page; makes its folder. If that fails, stderr says so, and the run's result stays. */
export function writePage(file: string, data: PageData): void {
  try {
    writeReport(file, page(data, pageAssets()))
  } catch (error) {
    process.stderr.write(`error: ${messageOf(error)}\n`)
  }
}
