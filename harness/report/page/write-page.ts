// SPDX-License-Identifier: MIT
import { messageOf } from '../../base/errors.ts'
import { writeReport } from '../files.ts'
import { pageAssets } from './assets.ts'
import type { ComparisonPageData } from './comparison-data.ts'
import { comparisonPage, page } from './page.ts'
import type { PageData } from './page-data.ts'

/** Writes the page; makes its folder. If that fails, stderr says so, and the run's result stays. */
export function writePage(file: string, data: PageData): void {
  write(file, () => page(data, pageAssets('main')))
}

/** As {@link writePage}, of a comparison. */
export function writeComparisonPage(file: string, data: ComparisonPageData): void {
  write(file, () => comparisonPage(data, pageAssets('comparison')))
}

function write(file: string, html: () => string): void {
  try {
    writeReport(file, html())
  } catch (error) {
    process.stderr.write(`error: ${messageOf(error)}\n`)
  }
}
