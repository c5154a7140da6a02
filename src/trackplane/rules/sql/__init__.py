"""The SQL front end: ``SELECT … FROM events … WHERE …`` to syntax trees and back. Pure."""
