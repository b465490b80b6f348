/** What the pages about the network say. */
export const NETWORK_EN = {
  'endpoints.count': '{online} of {count} online',
  'endpoints.by': 'Group by',
  'endpoints.by.none': 'Nothing',
  'endpoints.by.user': 'User',
  'endpoints.by.label': 'Label',
  'endpoints.by.state': 'State',
  'endpoints.groups': 'Groups of endpoints',
  'endpoints.unlabelled': 'without a label',
  'endpoints.remove': 'Show all again, not only “{filter}”',
} as const
