import { DAV, type XmlElement } from './read-xml.ts'

/** Text for XML; what XML cannot have becomes U+FFFD. */
export function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replace(FORBIDDEN, '\ufffd')
    .replace(/[&<>"'\r]/g, character => `&#${character.charCodeAt(0)};`)
}

/**
 * An element that stands by itself wherever it is put: it declares what it needs.
 *
 * @param inner  what is in it, already XML
 */
export function formatElement(name: { readonly space: string; readonly name: string }, inner = ''): string {
  if (name.space === DAV)
    return inner === '' ? `<D:${name.name}/>` : `<D:${name.name}>${inner}</D:${name.name}>`
  const start = `${name.name} xmlns="${escapeXml(name.space)}"`
  return inner === '' ? `<${start}/>` : `<${start}>${inner}</${name.name}>`
}

/** An element that was read, with all in it, so that it stands by itself. */
export function formatRead(element: XmlElement): string {
  const { space, name, attributes, children } = element
  const written = attributes.map(({ space: of, name: key, value }, index) => {
    if (of === '') return ` ${key}="${escapeXml(value)}"`
    if (of === XML) return ` xml:${key}="${escapeXml(value)}"`
    return ` xmlns:a${index}="${escapeXml(of)}" a${index}:${key}="${escapeXml(value)}"`
  })
  const inner = children
    .map(child => (typeof child === 'string' ? escapeXml(child) : formatRead(child)))
    .join('')
  return `<${name} xmlns="${escapeXml(space)}"${written.join('')}>${inner}</${name}>`
}

/** The body of an error that has a name in WebDAV. @see RFC 4918, section 16 */
export function formatCondition(name: string, hrefs: readonly string[] = []): string {
  const inner = hrefs.map(href => `<D:href>${escapeXml(href)}</D:href>`).join('')
  return `${XML_HEAD}<D:error xmlns:D="DAV:">${formatElement({ space: DAV, name }, inner)}</D:error>`
}

/** How every body of XML begins. */
export const XML_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'
/** The type of such bodies. */
export const XML_TYPE = 'application/xml; charset=utf-8'
const XML = 'http://www.w3.org/XML/1998/namespace'
// https://www.w3.org/TR/xml/#charsets
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g
