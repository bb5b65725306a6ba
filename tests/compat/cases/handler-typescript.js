"use strict";
var __importDefault = (this && this.__importDefault) || function (mod) {
    return (mod && mod.__esModule) ? mod : { "default": mod };
};
Object.defineProperty(exports, "__esModule", { value: true });
exports.handler = void 0;
const querystring_1 = __importDefault(require("querystring"));
const handler = async (event) => {
    const { request } = event.Records[0].cf;
    const { page = "1" } = querystring_1.default.parse(request.querystring);
    request.uri = `/pages/${page}`;
    return request;
};
exports.handler = handler;
