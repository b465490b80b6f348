/** Text for an XML element or attribute. Control characters have no form in XML: leave them out before. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}
