/** A table over TanStack Table: headers that sort, rows that open. */
import { UnstyledButton } from "@mantine/core";
import { createSortedRowModel, rowSortingFeature, sortFn_alphanumeric, sortFn_basic, tableFeatures, useTable, type RowData } from "@tanstack/react-table";
import { useMemo, type ReactNode } from "react";

export interface Column<T> {
  id: string;
  header: string;
  cell: (row: T) => ReactNode;
  /** What to sort by; without it the column cannot be sorted. */
  value?: (row: T) => string | number;
  right?: boolean;
}

const features = tableFeatures({
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
  sortFns: { alphanumeric: sortFn_alphanumeric, basic: sortFn_basic },
});

export function DataTable<T extends RowData>({
  label,
  columns,
  rows,
  rowKey,
  open,
}: {
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string;
  open?: (row: T) => void;
}) {
  const table = useTable({
    features,
    columns: useMemo(
      () => columns.map((column) => ({ id: column.id, accessorFn: (row: T) => column.value?.(row) ?? "", enableSorting: column.value !== undefined, sortUndefined: "last" as const })),
      [columns],
    ),
    data: rows,
    getRowId: rowKey,
  });
  const shown = new Map(columns.map((column) => [column.id, column]));
  return (
    <div className="tp-scroll" role="region" aria-label={label} tabIndex={0}>
      <table className="tp-table">
        <thead>
          <tr>
            {table.getFlatHeaders().map((header) => {
              const column = shown.get(header.id);
              const sorted = header.column.getIsSorted();
              return (
                <th key={header.id} scope="col" className={column?.right ? "right" : undefined} aria-sort={sorted ? (sorted === "asc" ? "ascending" : "descending") : undefined}>
                  {header.column.getCanSort() ? (
                    <UnstyledButton fz="inherit" fw="inherit" c="inherit" onClick={header.column.getToggleSortingHandler()}>
                      {column?.header}
                      <span aria-hidden="true">{sorted ? (sorted === "asc" ? " ↑" : " ↓") : ""}</span>
                    </UnstyledButton>
                  ) : (
                    column?.header
                  )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {table.getRowModel().rows.map((row) => (
            <tr key={row.id} className={open ? "tp-row" : undefined} {...(open && { "data-row": row.id, tabIndex: -1 })} onClick={open ? () => open(row.original) : undefined}>
              {columns.map((column) => (
                <td key={column.id} className={column.right ? "right" : undefined}>
                  {column.cell(row.original)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
