/** Buttons that lead to a page: links for the browser, typed for the router. */
import { ActionIcon, Button, type ActionIconProps, type ButtonProps } from "@mantine/core";
import { createLink } from "@tanstack/react-router";
import type { AnchorHTMLAttributes, Ref } from "react";

type Anchor<Props> = Props & Omit<AnchorHTMLAttributes<HTMLAnchorElement>, keyof Props> & { ref?: Ref<HTMLAnchorElement> };

export const ButtonLink = createLink(({ ref, ...props }: Anchor<ButtonProps>) => <Button component="a" ref={ref} {...props} />);
export const IconLink = createLink(({ ref, ...props }: Anchor<ActionIconProps>) => <ActionIcon component="a" ref={ref} {...props} />);
