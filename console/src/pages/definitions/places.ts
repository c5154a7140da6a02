/** Where the pages of each kind are, and what a new one looks like. */
import type { Kind } from "../../api/queries-definitions";

export const PLACES = {
  functions: { list: "/functions", make: "/functions/new", edit: "/functions/edit/$name" },
  tables: { list: "/tables", make: "/tables/new", edit: "/tables/edit/$name" },
  scripts: { list: "/scripts", make: "/scripts/new", edit: "/scripts/edit/$name" },
} as const satisfies Record<Kind, object>;

/** Each is published as it stands: it shows the form, and passes its checks. */
export const TEMPLATES: Record<Kind, string> = {
  functions: `function: net
parameters: {price: float64, tax: float64}
returns: float64
body: try_(price / (1.0 + tax), 0.0)
owner: team:data
tests:
  - {given: {price: 12.0, tax: 0.2}, expect: 10.0}
`,
  tables: `table: regions
key: string
columns: {region: string, rank: int64}
owner: team:data
rows: |
  country,region,rank
  SG,Asia,1
  FR,Europe,
`,
  scripts: `script: brand
owner: team:data
limits: {wall_ms: 2000, cpu_ms: 1000, memory_mb: 128}
text: |
  def transform(event):
      if not event["sku"]:
          return None
      brand, _, size = event["sku"].partition("-")
      return {"brand": brand, "size": size}
`,
};
