#!/usr/bin/env node
import "./sendmail.js";
