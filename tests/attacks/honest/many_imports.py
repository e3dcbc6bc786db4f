# Imports much of the standard library first.
# expects: passed
import argparse
import asyncio
import calendar
import csv
import ctypes
import difflib
import email
import html.parser
import http.client
import logging
import pathlib
import pickle
import sqlite3
import tempfile
import unittest
import urllib.parse
import uuid
import xml.etree.ElementTree
import zipfile
import zoneinfo


def solve(xs):
    return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
