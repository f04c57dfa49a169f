// SPDX-License-Identifier: MIT
import { html, nothing, type TemplateResult } from 'lit-html'
import type { KernelReport } from '../../../verdict/describe-splat.ts'
import type { PageError, PageExcerpt, PageFailure } from '../page-data.ts'
import { sequence } from './sequence.ts'
import { counted, uncoloured, visible } from './text.ts'

/** All that is known of a failure. */
export function failure({
  errors,
  conversations,
  details,
  kernelLog,
  output,
  again,
}: PageFailure): TemplateResult {
  const { loss, evidence = '' } = details ?? {}
  return html`
    ${errors.map(error)}
    ${conversations.map((each, index) =>
      part(
        conversations.length > 1 ? `Conversation ${index + 1} of ${conversations.length}` : 'Conversation',
        sequence(each),
      ),
    )}
    ${errors.map(({ diff }) => (diff ? part('Difference', difference(diff)) : nothing))}
    ${loss?.stack ? part('Where the test worker waits', text(loss.stack)) : nothing}
    ${output ? part('What it printed', text(output)) : nothing}
    ${kernelLog ? part('Kernel log of its time', text(kernelLog)) : nothing}
    ${loss ? part('Console of the lost guest', text(loss.console || '(it said nothing)')) : nothing}
    ${part(
      'Run it again',
      html`
      ${command(again)}
      ${evidence ? html`<p class="evidence">Evidence: <code>${visible(evidence)}</code></p>` : nothing}`,
    )}`
}

/** An error with its places, or a report of the kernel. */
export function error({ name, message, places, report, excerpt }: PageError): TemplateResult {
  return html`
    <div class="error">
      ${
        message || !report
          ? html`<p class="message"><b>${visible(name)}:</b> <span>${uncoloured(message)}</span></p>`
          : nothing
      }
      ${report ? kernelReport(report) : nothing}
      ${
        places.length === 0
          ? nothing
          : html`<ul class="places">${places.map(each => html`<li><code>${visible(each)}</code></li>`)}</ul>`
      }
      ${excerpt ? source(excerpt) : nothing}
    </div>`
}

function kernelReport({ kind, title, count, frames, text: logged }: KernelReport): TemplateResult {
  return html`
    <div class="report">
      <p class="message">
        <b class="kind">${visible(kind)}</b> ${visible(title)}
        ${count > 1 ? html`<span class="count">${counted(count, 'time')}</span>` : nothing}
      </p>
      ${
        frames.length === 0
          ? nothing
          : html`<ol class="frames">${frames.map(
              frame =>
                html`<li><code>${visible(frame.function)}</code> ${
                  frame.place ? html`<code class="source">${visible(frame.place)}</code>` : nothing
                }</li>`,
            )}</ol>`
      }
      <details class="more"><summary>As the kernel logged it</summary>${text(logged)}</details>
    </div>`
}

function source({ name, first, line, lines }: PageExcerpt): TemplateResult {
  return html`
    <figure class="source-lines">
      <figcaption class="unseen">${visible(name)} from line ${first}</figcaption>
      <pre class="text" tabindex="0">${lines.map((each, index) => {
        const number = first + index
        return html`<span class=${number === line ? 'here' : ''}><i class="number">${number}</i>${visible(each)}${'\n'}</span>`
      })}</pre>
    </figure>`
}

/** A part of what is told, with its heading. */
export function part(title: string, content: TemplateResult): TemplateResult {
  return html`<section class="part"><h4>${title}</h4>${content}</section>`
}

/** A long text, which is scrolled by the keyboard as well. */
export function text(content: string): TemplateResult {
  return html`<pre class="text" tabindex="0">${visible(content)}</pre>`
}

function difference(diff: string): TemplateResult {
  return html`<pre class="text diff" tabindex="0">${uncoloured(diff).split('\n').map(diffLine)}</pre>`
}

function diffLine(line: string): TemplateResult {
  const kind = line.startsWith('+') ? 'received' : line.startsWith('-') ? 'expected' : ''
  return html`<span class=${kind}>${line}${'\n'}</span>`
}

/** A command to copy. */
export function command(line: string): TemplateResult {
  return html`<div class="command"><code>${visible(line)}</code>${copyButton(line)}</div>`
}

function copyButton(line: string): TemplateResult | typeof nothing {
  if (!navigator.clipboard) return nothing
  const copy = async ({ currentTarget }: Event) => {
    const button = currentTarget as HTMLButtonElement
    await navigator.clipboard.writeText(line)
    button.textContent = 'Copied'
  }
  return html`<button type="button" @click=${copy}>Copy</button>`
}
